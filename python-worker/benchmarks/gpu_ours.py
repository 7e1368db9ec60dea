"""Steps of this worker's training loop in bfloat16, with each technique."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import msgspec
import torch
from torch import Tensor

from benchmarks.bench_base import CAPTIONS
from benchmarks.gpu_base import Size
from benchmarks.training import training_settings
from phalanx_worker.lanes import Lanes
from phalanx_worker.model.base import Base
from phalanx_worker.model.conditioning import Conditioning
from phalanx_worker.model.text import embed_texts
from phalanx_worker.protocol.messages import (
    AdamwEightBitOptimizer,
    ControlNetTechnique,
    LearnedToken,
    TextualInversionTechnique,
    TrainingSettings,
)
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.registry import create_technique
from phalanx_worker.training.feed import Feed
from phalanx_worker.training.loop import new_state, train
from tests.small import full_technique, lora_technique

PLACEHOLDER = "<five>"
EIGHT_BIT = " (adamw-8bit)"
"""End of the name of a technique that is trained with AdamW in 8 bits."""


@dataclass(frozen=True)
class Inputs:
    """What a step of any side is given, ready on the device."""

    latents: Tensor
    """[batch, 4, side, side]"""
    pictures: Tensor
    """[batch, 3, height, width] in [0, 1], which control."""
    time_ids: Tensor | None
    """[batch, 6] for SDXL."""
    captions: tuple[str, ...]


def inputs_for(base: Base, batch: int) -> Inputs:
    """Random images of the base's size."""
    side, image = base.image_size // base.reduction, base.image_size
    sizes = torch.tensor([[image, image, 0, 0, image, image]] * batch, dtype=torch.float32, device=base.device)
    return Inputs(
        latents=torch.randn(batch, 4, side, side, device=base.device),
        pictures=torch.rand(batch, 3, image, image, device=base.device),
        time_ids=sizes if base.family == "sdxl" else None,
        captions=tuple(CAPTIONS[place % len(CAPTIONS)] for place in range(batch)),
    )


@dataclass(frozen=True)
class _SameBatch:
    """Stands in for the feed: the same images in every step."""

    base: Base
    inputs: Inputs
    captions: tuple[str, ...]
    conditioning: Conditioning | None
    controls: Tensor | None

    def samples(self, step: int) -> int:
        """Images in the one forward pass of a step."""
        del step
        return len(self.captions)

    def batches(self, step: int) -> Iterator[Batch]:
        """The one forward pass of a step."""
        yield Batch(
            Streams(0), step, tuple(range(len(self.captions))), self.captions, None, self.inputs.latents,
            self.conditioning, time_ids=self.inputs.time_ids, controls=self.controls,
        )  # fmt: skip


def settings_of(technique: str, size: Size) -> TrainingSettings:
    """The UNet alone is trained where a technique could train the text encoder, too."""
    lora = lora_technique(rank=size.rank, alpha=1.0, parts=("unet",))
    techniques = {
        "lora": lora,
        "locon": msgspec.structs.replace(
            lora, targets=("attention", "mlp", "convolution"), convolution_rank=size.rank, convolution_alpha=1.0
        ),
        "textual inversion": TextualInversionTechnique(
            tokens=(LearnedToken(placeholder=PLACEHOLDER, initial_word="hand", vectors=4),),
            templates=("a photo of {}",),
            norm="none",
        ),
        "full": full_technique(parts=("unet",)),
        "controlnet": ControlNetTechnique(channels=size.control_channels, start=None, weights="float32"),
    }
    plain = training_settings(False)
    settings = msgspec.structs.replace(
        plain,
        technique=techniques[technique.removesuffix(EIGHT_BIT)],
        batch_size=size.batch,
        precision="bfloat16",
    )
    if technique.endswith(EIGHT_BIT):
        known = {name: getattr(plain.optimizer, name) for name in AdamwEightBitOptimizer.__struct_fields__}
        settings = msgspec.structs.replace(settings, optimizer=AdamwEightBitOptimizer(**known))
    return settings


@contextmanager
def our_step(base: Base, technique: str, size: Size, inputs: Inputs) -> Iterator[Callable[[], object]]:
    """A step on cached latents, and cached texts where they do not change."""
    settings = settings_of(technique, size)
    attached = create_technique(settings)
    attached.attach(base, Streams(0))
    captions = tuple(f"a photo of {PLACEHOLDER}" for _ in inputs.captions)
    conditioning = None
    if not attached.trains_text_encoder:
        captions = inputs.captions
        with torch.no_grad():
            conditioning = embed_texts(base, captions)
    controls = inputs.pictures if attached.reads_controls else None
    feed = cast(Feed, _SameBatch(base, inputs, captions, conditioning, controls))
    try:
        with Lanes(base.device, size.batch) as lanes:
            steps = train(attached, feed, settings, new_state(attached, settings), lanes)
            yield lambda: next(steps)
    finally:
        attached.detach()


TECHNIQUES: Mapping[bool, tuple[str, ...]] = {
    False: ("lora", "locon", "textual inversion", "full", "controlnet"),
    True: tuple(
        name + end for name in ("lora", "locon", "textual inversion", "full", "controlnet")
        for end in ("", *([EIGHT_BIT] if name in ("lora", "full") else []))
    ),
}  # fmt: skip
"""By whether the device has CUDA, for which bitsandbytes is written."""
