"""Bases, datasets and jobs that are small enough to make on the spot."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from PIL import Image

from phalanx_worker.jobs.context import CancelToken, JobContext
from phalanx_worker.model.base import AS_TRAINED
from phalanx_worker.model.create import create_base
from phalanx_worker.protocol.messages import (
    AdamwOptimizer,
    AdapterBlocks,
    AdapterReference,
    BaseArchitecture,
    BlockRates,
    CosineSchedule,
    DatasetItem,
    DatasetReference,
    FullBlocks,
    FullTechnique,
    JobEvent,
    LohaTechnique,
    LokrTechnique,
    LoraBlockAlphas,
    LoraBlockRanks,
    LoraBlocks,
    LoraConvolutionAlphas,
    LoraConvolutionRanks,
    LoraTechnique,
    Objective,
    SquaredLoss,
    StepEndEvent,
    TrainingNoise,
    TrainingSettings,
    TrainingSubset,
    TrainJob,
    UniformWeighting,
)
from phalanx_worker.training.captions import PLAIN as PLAIN_CAPTIONS

ARCHITECTURE = BaseArchitecture(
    family="sd-1",
    prediction="epsilon",
    inpainting=False,
    image_size=16,
    autoencoder_channels=(8, 8),
    autoencoder_layers_per_block=1,
    latent_channels=4,
    unet_channels=(16, 16, 16, 16),
    unet_layers_per_block=1,
    transformer_layers=None,
    unet_attention_heads=2,
    text_width=16,
    text_layers=1,
    text_heads=2,
    second_text_width=8,
    second_text_layers=2,
    norm_groups=4,
    vocabulary_size=540,
)
ARCHITECTURES = {
    "sd-1": ARCHITECTURE,
    "sd-2": msgspec.structs.replace(ARCHITECTURE, family="sd-2", prediction="v_prediction"),
    "sdxl": msgspec.structs.replace(
        ARCHITECTURE, family="sdxl", unet_channels=(16, 16, 16), transformer_layers=(1, 1, 2), text_layers=2
    ),
}
"""The smallest of each family; SD 2 predicts velocity."""
CAPTIONS = ("a photo of a hand", "a drawing of a fist", "a photo of an open palm", "a hand, blue background")


def make_base(folder: Path, seed: int = 1, architecture: BaseArchitecture = ARCHITECTURE) -> Path:
    """A base of about 100,000 random weights."""
    create_base(architecture, CAPTIONS, seed, folder, "float32")
    return folder


def make_dataset(folder: Path, count: int = 7, size: tuple[int, int] = (16, 16)) -> DatasetReference:
    """Images of random colours with the captions in turn."""
    folder.mkdir(parents=True)
    items = []
    for index in range(count):
        pixels = np.random.default_rng(index).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        file = folder / f"{index}.png"
        Image.fromarray(pixels).save(file)
        items.append(
            DatasetItem(
                file=file.name,
                sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
                caption=CAPTIONS[index % len(CAPTIONS)],
                width=size[0],
                height=size[1],
                fingers=None,
                defect=None,
                control=None,
                mask=None,
                repeats=1,
            )
        )
    return write_manifest(folder, items)


def write_manifest(folder: Path, items: Sequence[DatasetItem]) -> DatasetReference:
    """The manifest of a folder of images."""
    (folder / "manifest.jsonl").write_bytes(b"".join(msgspec.json.encode(item) + b"\n" for item in items))
    return reference_of(folder)


def reference_of(folder: Path) -> DatasetReference:
    """A folder that has its manifest."""
    manifest = folder / "manifest.jsonl"
    digest = hashlib.sha256(manifest.read_bytes()).hexdigest()
    return DatasetReference(root=str(folder), manifest=str(manifest), sha256=digest)


PLAIN = Objective(
    loss=SquaredLoss(),
    weighting=UniformWeighting(),
    noise=TrainingNoise(offset=0.0, random_offset=False, pyramid=None, perturbation=0.0),
    zero_terminal_snr=False,
    mask=None,
)
"""The mean squared error of plain noise."""


def lora_blocks(**changes: Any) -> LoraBlocks:
    """What `changes` says of blocks, as `rates={"down": (1.0, 0.5)}`, and nothing else."""
    kinds = {
        "rates": BlockRates,
        "ranks": LoraBlockRanks,
        "alphas": LoraBlockAlphas,
        "convolution_ranks": LoraConvolutionRanks,
        "convolution_alphas": LoraConvolutionAlphas,
    }
    given = {name: dict.fromkeys(kind.__struct_fields__) | changes.get(name, {}) for name, kind in kinds.items()}
    return LoraBlocks(**{name: kinds[name](**values) for name, values in given.items()})


def lora_technique(**changes: Any) -> LoraTechnique:
    """Over attention and feed-forward layers of UNet and text encoder, with nothing else switched on."""
    plain = LoraTechnique(
        rank=4,
        alpha=8.0,
        convolution_rank=None,
        convolution_alpha=None,
        targets=("attention", "mlp"),
        patterns=(),
        blocks=lora_blocks(),
        decomposed=False,
        network_dropout=0.0,
        rank_dropout=0.0,
        module_dropout=0.0,
        maximum_norm=None,
        up_learning_rate_ratio=1.0,
        start=None,
        parts=("unet", "text-encoder"),
        unet_learning_rate=None,
        text_encoder_learning_rate=None,
    )
    return msgspec.structs.replace(plain, **changes)


def full_technique(rates: dict[str, Any] | None = None, **changes: Any) -> FullTechnique:
    """All weights of UNet and text encoder, with `rates` of blocks as `{"down": (1.0, 0.5)}`."""
    plain = FullTechnique(
        parts=("unet", "text-encoder"),
        patterns=(),
        blocks=FullBlocks(rates=BlockRates(**dict.fromkeys(BlockRates.__struct_fields__) | (rates or {}))),
        unet_learning_rate=None,
        text_encoder_learning_rate=None,
        weights="float32",
        layout="diffusers",
    )
    return msgspec.structs.replace(plain, **changes)


def loha_technique(**changes: Any) -> LohaTechnique:
    """The layers of `lora_technique`, without dropout."""
    return msgspec.structs.replace(LohaTechnique(**_product_settings()), **changes)


def lokr_technique(**changes: Any) -> LokrTechnique:
    """The layers of `lora_technique`, with a rank that leaves few of them whole, without dropout."""
    return msgspec.structs.replace(LokrTechnique(factor=None, **(_product_settings() | {"rank": 1})), **changes)


def _product_settings() -> dict[str, Any]:
    shared = {name: getattr(lora_technique(), name) for name in LohaTechnique.__struct_fields__}
    return shared | {"rank_dropout": 0.0, "module_dropout": 0.0}


def adapter_reference(file: str, strength: float, **changes: Any) -> AdapterReference:
    """An adapter at one strength everywhere, but for `changes`."""
    blocks = AdapterBlocks(**dict.fromkeys(AdapterBlocks.__struct_fields__))
    plain = AdapterReference(file=file, strength=strength, unet_strength=1.0, text_encoder_strength=1.0, blocks=blocks)
    return msgspec.structs.replace(plain, **changes)


def settings(**changes: Any) -> TrainingSettings:
    """Full training with everything that has state switched on."""
    plain = TrainingSettings(
        technique=full_technique(),
        optimizer=AdamwOptimizer(
            learning_rate=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.01, maximum_gradient_norm=1.0
        ),
        schedule=CosineSchedule(warmup_steps=2),
        objective=PLAIN,
        steps=8,
        batch_size=2,
        accumulation=2,
        seed=5,
        width=None,
        height=None,
        buckets=None,
        precision="float32",
        text=AS_TRAINED,
        gradient_checkpointing=False,
        ema_decay=0.9,
        checkpoint_every=3,
        checkpoints_kept=2,
        preview=None,
    )
    return msgspec.structs.replace(plain, **changes)


def subset(dataset: DatasetReference, **changes: Any) -> TrainingSubset:
    """A dataset with everything random switched on but the place of the crop, so that latents are cached."""
    plain = TrainingSubset(
        dataset=dataset,
        repeats=1,
        weight=1.0,
        regularisation=False,
        caption_dropout=0.25,
        captions=PLAIN_CAPTIONS,
        flip=True,
        crop="centre",
        inpainting_masks="random",
    )
    return msgspec.structs.replace(plain, **changes)


def train_job(base: Path, dataset: DatasetReference, output: Path, **changes: Any) -> TrainJob:
    """A training of `settings` on one `subset`; a change is that of either."""
    own = {name: changes.pop(name) for name in TrainingSubset.__struct_fields__ if name in changes}
    return TrainJob(
        base=str(base),
        subsets=(subset(dataset, **own),),
        settings=settings(**changes),
        buckets=None,
        held_out=None,
        pause_after=None,
        output=str(output),
        name="result",
    )


class Recorder:
    """A job context that keeps what is told, and can stop the job after a step."""

    def __init__(self, stop_after: int | None = None, raise_after: int | None = None) -> None:
        self.events: list[JobEvent] = []
        self._stop_after = stop_after
        self._raise_after = raise_after
        self._token = CancelToken()
        self.context = JobContext(job_id="job", emit=self._emit, token=self._token, device="cpu", warm={})

    def _emit(self, event: JobEvent, blobs: Sequence[Any] = ()) -> None:
        del blobs
        self.events.append(event)
        if isinstance(event, StepEndEvent):
            if event.step == self._raise_after:
                raise Killed
            if event.step == self._stop_after:
                self._token.requested.set()


class Killed(BaseException):
    """Ends a training between two steps as a kill would: no handler of the product sees it coming."""
