"""LoRA training steps per second of this worker and of plain loops over peft and diffusers: same model and batch.

The plain loops follow diffusers' example script for text-to-image LoRA. One encodes images at every step as the
script does; the other is given cached latents, which isolates the step itself.

Prints one JSON object. Run from the worker's folder: python -m benchmarks.training [base folder]
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as functional
from peft import LoraConfig
from torch import Tensor

from benchmarks.bench_base import CAPTIONS, make_bench_base
from benchmarks.interleaved import compare, settle_memory
from phalanx_worker.lanes import Lanes
from phalanx_worker.model.base import Base
from phalanx_worker.model.conditioning import Conditioning
from phalanx_worker.model.load import load_base
from phalanx_worker.model.text import embed_texts
from phalanx_worker.protocol.messages import (
    AdamwOptimizer,
    ConstantSchedule,
    Objective,
    SquaredLoss,
    TextSettings,
    TrainingNoise,
    TrainingSettings,
    UniformWeighting,
)
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.registry import create_technique
from phalanx_worker.training.feed import Feed
from phalanx_worker.training.loop import Step, new_state, train
from tests.small import lora_technique

RANK, BATCH, REPEATS = 32, 4, 15
UNET_TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2"]
TEXT_TARGETS = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]
RATE, BETAS, EPSILON, DECAY, LARGEST_NORM = 1e-4, (0.9, 0.999), 1e-8, 0.01, 1.0


@dataclass(frozen=True)
class SameBatch:
    """Stands in for the feed: the same images in every step."""

    base: Base
    latents: Tensor
    conditioning: Conditioning | None

    def samples(self, step: int) -> int:
        """Images in the one forward pass of a step."""
        del step
        return BATCH

    def batches(self, step: int) -> Iterator[Batch]:
        """The one forward pass of a step."""
        captions = CAPTIONS[:BATCH]
        yield Batch(Streams(0), step, tuple(range(BATCH)), captions, None, self.latents, self.conditioning)


def our_steps(base: Base, latents: Tensor, text_encoder: bool, lanes: Lanes) -> Iterator[Step]:
    """Steps of the training loop, with cached latents, and cached texts unless they are trained."""
    settings = training_settings(text_encoder)
    technique = create_technique(settings)
    technique.attach(base, Streams(0))
    with torch.no_grad():
        conditioning = None if text_encoder else embed_texts(base, CAPTIONS[:BATCH])
    feed = cast(Feed, SameBatch(base, latents, conditioning))
    return train(technique, feed, settings, new_state(technique, settings), lanes)


def training_settings(text_encoder: bool) -> TrainingSettings:
    """Those of the plain loop."""
    return TrainingSettings(
        technique=lora_technique(rank=RANK, alpha=1.0, parts=("unet", "text-encoder") if text_encoder else ("unet",)),
        optimizer=AdamwOptimizer(
            learning_rate=RATE,
            beta1=BETAS[0],
            beta2=BETAS[1],
            epsilon=EPSILON,
            weight_decay=DECAY,
            maximum_gradient_norm=LARGEST_NORM,
        ),
        schedule=ConstantSchedule(warmup_steps=0),
        objective=Objective(
            loss=SquaredLoss(),
            weighting=UniformWeighting(),
            noise=TrainingNoise(offset=0.0, random_offset=False, pyramid=None, perturbation=0.0),
            zero_terminal_snr=False,
            mask=None,
        ),
        text=TextSettings(max_tokens=75, weights=False, clip_skip=None),
        steps=1 << 30,
        batch_size=BATCH,
        accumulation=1,
        seed=0,
        width=None,
        height=None,
        buckets=None,
        precision="float32",
        gradient_checkpointing=False,
        ema_decay=None,
        checkpoint_every=1 << 30,
        checkpoints_kept=1,
        preview=None,
    )


def plain_step(base: Base, pixels: Tensor, latents: Tensor | None, text_encoder: bool) -> Callable[[], object]:
    """The example script's step; with `latents` it does not encode `pixels`."""
    base.unet.add_adapter(LoraConfig(r=RANK, lora_alpha=1, target_modules=UNET_TARGETS))
    modules: list[torch.nn.Module] = [base.unet]
    if text_encoder:
        base.text_encoder.add_adapter(LoraConfig(r=RANK, lora_alpha=1, target_modules=TEXT_TARGETS))
        modules.append(base.text_encoder)
    trained = [parameter for module in modules for parameter in module.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=RATE, betas=BETAS, eps=EPSILON, weight_decay=DECAY)
    shares = base.noise_schedule.alphas_cumprod
    ids = base.tokenizer(
        list(CAPTIONS[:BATCH]), padding="max_length", max_length=77, truncation=True, return_tensors="pt"
    ).input_ids

    def step() -> float:
        clean = latents
        if clean is None:
            clean = base.autoencoder.encode(pixels).latent_dist.sample() * base.autoencoder.config.scaling_factor
        noise = torch.randn_like(clean)
        timesteps = torch.randint(0, len(shares), (BATCH,))
        share = shares[timesteps].view(-1, 1, 1, 1)
        noisy = share.sqrt() * clean + (1 - share).sqrt() * noise
        prediction = base.unet(noisy, timesteps, base.text_encoder(ids)[0], return_dict=False)[0]
        loss = functional.mse_loss(prediction.float(), noise.float())
        return plain_update(loss, trained, optimizer)

    return step


def plain_update(loss: Tensor, trained: list[torch.nn.Parameter], optimizer: torch.optim.Optimizer) -> float:
    """What follows the loss in the example scripts."""
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(trained, LARGEST_NORM)
    optimizer.step()
    optimizer.zero_grad()
    return float(loss.detach())


def measure(folder: Path) -> dict[str, Any]:
    """Medians over interleaved repeats, with and without the text encoder."""
    rows = []
    for parts, text_encoder in {"UNet and text encoder": True, "UNet": False}.items():
        base = load_base(folder)
        pixels = torch.rand(BATCH, 3, base.image_size, base.image_size) * 2 - 1
        with torch.no_grad():
            latents = base.autoencoder.encode(pixels).latent_dist.mean * base.autoencoder.config.scaling_factor
        for feed, given in {"they encode images": None, "both on cached latents": latents}.items():
            plain = plain_step(load_base(folder), pixels, given, text_encoder)
            with Lanes(base.device, BATCH) as lanes:
                steps = our_steps(load_base(folder), latents, text_encoder, lanes)
                found = compare(partial(next, steps), plain, REPEATS)
            rows.append(
                {
                    "what": f"LoRA of {parts}, {feed}",
                    "unit": "steps/s",
                    "ours": 1 / found.own,
                    "theirs": 1 / found.other,
                    "ratio": found.ratio,
                    "processorRatio": found.processor_ratio,
                }
            )
    return {"benchmark": "training", "batchSize": BATCH, "rank": RANK, "rows": rows, "threads": torch.get_num_threads()}


if __name__ == "__main__":
    settle_memory()
    with tempfile.TemporaryDirectory() as scratch:
        chosen = Path(sys.argv[1]) if len(sys.argv) > 1 else make_bench_base(Path(scratch) / "base")
        print(json.dumps(measure(chosen)))
