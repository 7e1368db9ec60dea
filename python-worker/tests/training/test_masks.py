"""Training of bases that fill in masks, with masks of our own."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, StableDiffusionInpaintPipeline, StableDiffusionXLInpaintPipeline
from PIL import Image

from phalanx_worker.artefacts.series import read_series
from phalanx_worker.artefacts.tensors import read_tensors
from phalanx_worker.errors import DatasetError
from phalanx_worker.jobs import train
from phalanx_worker.protocol.messages import (
    DatasetReference,
    HeldOutSettings,
    ItemPicture,
    LearnedToken,
    NegativeEmbeddingTechnique,
    TextualInversionTechnique,
    TrainJob,
)
from phalanx_worker.streams import Streams
from phalanx_worker.training.data import read_dataset
from phalanx_worker.training.masks import Mask, at_latents, random_mask
from tests.small import (
    ARCHITECTURES,
    Killed,
    Recorder,
    full_technique,
    lora_technique,
    make_base,
    make_dataset,
    subset,
    train_job,
    write_manifest,
)

FAMILIES = ("sd-1", "sd-2", "sdxl")
SEED = 5
TECHNIQUES: dict[str, Any] = {
    "lora": lora_technique(),
    "full": full_technique(),
    "textual-inversion": TextualInversionTechnique(
        tokens=(LearnedToken(placeholder="<palm>", initial_word="hand", vectors=2),),
        templates=("a photo of {}",),
        norm="none",
    ),
    "negative-embedding": NegativeEmbeddingTechnique(
        placeholder="<bad>", initial_word="hand", vectors=2, guidance=3.0, norm="none"
    ),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    parent = tmp_path_factory.mktemp("inpainting")
    return {
        family: make_base(parent / family, 1, msgspec.structs.replace(ARCHITECTURES[family], inpainting=True))
        for family in FAMILIES
    }


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> DatasetReference:
    return make_dataset(tmp_path_factory.mktemp("pair") / "images", count=2)


def test_a_quarter_hides_everything_and_the_rest_are_rectangles_and_ellipses() -> None:
    masks = [random_mask(Streams(1), 1, sample, (32, 24), 4) for sample in range(2000)]
    whole = np.mean([mask.all() for mask in masks])
    # Four standard deviations of 2000 draws.
    assert abs(whole - 0.25) < 4 * (0.25 * 0.75 / 2000) ** 0.5
    filled = []
    for mask in masks:
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        if not mask.all() and min(height, width) >= 16:
            filled.append(mask.sum() / (height * width))
    full = np.array(filled) == 1
    assert 0.3 < full.mean() < 0.7
    # An ellipse fills pi / 4 of what is around it; its rim runs through pixels.
    assert np.allclose(np.array(filled)[~full], np.pi / 4, atol=0.05)
    assert min(int(at_latents([mask], (16, 12)).sum()) for mask in masks) > 0
    assert np.array_equal(masks[7], random_mask(Streams(1), 1, 7, (32, 24), 4))
    assert len({mask.tobytes() for mask in masks}) > 1000


def with_masks(folder: Path, masks: list[Mask]) -> DatasetReference:
    """Images of 16x16 beside their masks, as large."""
    items = read_dataset(make_dataset(folder, count=len(masks)))
    pictures = []
    for index, mask in enumerate(masks):
        file = folder / f"{index}.mask.png"
        # Grey of either half: what is lighter than the middle counts.
        Image.fromarray(np.where(mask, 128, 127).astype(np.uint8)).save(file)
        pictures.append(ItemPicture(file=file.name, sha256=hashlib.sha256(file.read_bytes()).hexdigest()))
    return write_manifest(
        folder, [msgspec.structs.replace(item, mask=mask) for item, mask in zip(items, pictures, strict=True)]
    )


def ellipses(count: int) -> list[Mask]:
    down, across = np.mgrid[:16, :16] + 0.5
    return [(down - 6) ** 2 + (across - 4 - index) ** 2 < 16 for index in range(count)]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("masks", ["random", "dataset"])
@torch.no_grad()
def test_the_loss_is_that_of_a_plain_step(folders: dict[str, Path], tmp_path: Path, family: str, masks: str) -> None:
    shapes = ellipses(2)
    pair = with_masks(tmp_path / "images", shapes)
    changes: dict[str, Any] = {"technique": full_technique(), "seed": SEED, "steps": 1, "accumulation": 1}
    job = train_job(folders[family], pair, tmp_path, inpainting_masks=masks, **changes)
    with torch.enable_grad():
        train.run(job, Recorder().context)
    kind = StableDiffusionXLInpaintPipeline if family == "sdxl" else StableDiffusionInpaintPipeline
    pipeline = kind.from_pretrained(folders[family], local_files_only=True)
    scheduler, streams = DDPMScheduler.from_config(pipeline.scheduler.config), Streams(SEED)
    losses = []
    items = read_dataset(pair)
    for sample, place in enumerate(streams.permutation("order", 2, 0)):
        item = items[int(place)]
        pixels = np.asarray(Image.open(Path(pair.root) / item.file), dtype=np.float32)
        mask = shapes[int(place)]
        if streams.uniform("flip", 1, sample) < 0.5:
            pixels, mask = pixels[:, ::-1].copy(), mask[:, ::-1]
        if masks == "random":
            mask = random_mask(streams, 1, sample, (16, 16), 4)

        def latents(levels: np.ndarray, purpose: str, sample: int = sample) -> Any:  # type: ignore[type-arg]
            given = torch.from_numpy(levels / 127.5 - 1).permute(2, 0, 1)[None].float()
            posterior = pipeline.vae.encode(given).latent_dist
            draw = torch.from_numpy(streams.normal(purpose, tuple(posterior.mean.shape[1:]), 1, sample))
            return (posterior.mean + posterior.std * draw) * pipeline.vae.config.scaling_factor

        grey = np.where(mask[..., None], 127.5, pixels)
        clean, hidden = latents(pixels, "posterior"), latents(grey, "hidden-posterior")
        noise = torch.from_numpy(streams.normal("noise", tuple(clean.shape[1:]), 1, sample))[None]
        timestep = torch.tensor([streams.integer("timestep", 1000, 1, sample)])
        # Every second pixel: the autoencoder halves once.
        small = torch.from_numpy(mask[::2, ::2].astype(np.float32).copy())[None, None]
        given = torch.cat([scheduler.add_noise(clean, noise, timestep), small, hidden], dim=1)
        dropped = streams.uniform("caption-dropout", 1, sample) < job.subsets[0].caption_dropout
        encoded = pipeline.encode_prompt(
            "" if dropped else item.caption, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False
        )
        added = None
        if family == "sdxl":
            added = {"text_embeds": encoded[2], "time_ids": torch.tensor([[16.0, 16, 0, 0, 16, 16]])}
        predicted = pipeline.unet(given, timestep, encoded[0], added_cond_kwargs=added).sample
        velocity = scheduler.config.prediction_type == "v_prediction"
        target = scheduler.get_velocity(clean, noise, timestep) if velocity else noise
        losses.append(float(torch.nn.functional.mse_loss(predicted, target)))
    # Both add the same float32 numbers in another order.
    assert read_series(tmp_path / "series.jsonl")[0].loss == pytest.approx(sum(losses) / 2, rel=1e-5)


@pytest.mark.parametrize("name", TECHNIQUES)
def test_a_killed_training_goes_on_bit_by_bit(
    folders: dict[str, Path], pair: DatasetReference, tmp_path: Path, name: str
) -> None:
    changes: dict[str, Any] = {"technique": TECHNIQUES[name], "steps": 4, "checkpoint_every": 2}
    train.run(train_job(folders["sd-2"], pair, tmp_path / "whole", **changes), Recorder().context)
    halted = train_job(folders["sd-2"], pair, tmp_path / "halted", **changes)
    with pytest.raises(Killed):
        train.run(halted, Recorder(raise_after=3).context)
    assert train.run(halted, Recorder().context).resumed_from == 2
    last = "checkpoints/step-00000004/weights.safetensors"
    one, other = (read_tensors(tmp_path / run / last) for run in ("whole", "halted"))
    assert one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)
    losses = [[line.loss for line in read_series(tmp_path / run / "series.jsonl")] for run in ("whole", "halted")]
    assert losses[0] == losses[1]


def test_given_masks_go_on_bit_by_bit_among_class_images_without_any(
    folders: dict[str, Path], pair: DatasetReference, tmp_path: Path
) -> None:
    masked = with_masks(tmp_path / "images", ellipses(3))
    held_out = HeldOutSettings(dataset=with_masks(tmp_path / "apart", ellipses(2)), every=2, best=None)

    def job(name: str) -> TrainJob:
        plain = train_job(folders["sd-1"], masked, tmp_path / name, steps=4, checkpoint_every=2)
        own = subset(masked, inpainting_masks="dataset", crop="random")
        classes = subset(pair, inpainting_masks="dataset", regularisation=True)
        return msgspec.structs.replace(plain, subsets=(own, classes), held_out=held_out)

    train.run(job("whole"), Recorder().context)
    with pytest.raises(Killed):
        train.run(job("halted"), Recorder(raise_after=3).context)
    assert train.run(job("halted"), Recorder().context).resumed_from == 2
    whole, halted = (read_series(tmp_path / name / "series.jsonl") for name in ("whole", "halted"))
    assert [(line.loss, line.held_out_loss) for line in whole] == [(line.loss, line.held_out_loss) for line in halted]
    assert whole[1].held_out_loss is not None


@pytest.mark.parametrize("code", ["missing-mask", "empty-mask", "missing-held-out-mask"])
def test_masks_that_fill_nothing_in_are_refused(
    folders: dict[str, Path], pair: DatasetReference, tmp_path: Path, code: str
) -> None:
    speck = np.zeros((16, 16), np.bool_)
    # Between the pixels that stand for latents.
    speck[5, 7] = True
    masked = with_masks(tmp_path / "images", [speck if code == "empty-mask" else ellipses(1)[0]])
    dataset = pair if code == "missing-mask" else masked
    job = train_job(folders["sd-1"], dataset, tmp_path / "run", inpainting_masks="dataset", steps=1)
    if code == "missing-held-out-mask":
        held_out = HeldOutSettings(dataset=pair, every=1, best=None)
        job = msgspec.structs.replace(job, held_out=held_out)
    with pytest.raises(DatasetError) as caught:
        train.run(job, Recorder().context)
    assert caught.value.code == code.replace("held-out-", "")
