"""The first training step of SD 2 and SDXL against a plain one, written with diffusers and transformers alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline
from PIL import Image
from torch import Tensor

from phalanx_worker.artefacts.series import read_series
from phalanx_worker.jobs import train
from phalanx_worker.protocol.messages import DatasetItem, DatasetReference
from phalanx_worker.protocol.messages import Technique as TechniqueSettings
from phalanx_worker.streams import Streams
from phalanx_worker.training.data import PixelStore, image_files, read_dataset
from phalanx_worker.training.images import CoverCrop
from phalanx_worker.training.sizes import size_conditioning, time_ids
from phalanx_worker.training.view import View
from tests.small import (
    Recorder,
    full_technique,
    lora_technique,
    make_dataset,
    subset,
    train_job,
)

SEED, SIDE = 5, 16
PIPELINES = {"sd-2": StableDiffusionPipeline, "sdxl": StableDiffusionXLPipeline}


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> DatasetReference:
    """Two images of 26x16, whose crop at 16x16 begins five pixels from the left."""
    return make_dataset(tmp_path_factory.mktemp("wide") / "images", count=2, size=(26, SIDE))


def plain_losses(folder: Path, family: str, images: Sequence[tuple[Path, str]], random: bool = False) -> list[float]:
    """Mean squared error of each of two images with its caption, with the draws that belong to step 1.

    Of 26 columns 10 are cut off: at the centre 5 of them on the left.
    """
    pipeline = PIPELINES[family].from_pretrained(folder, local_files_only=True)
    scheduler = DDPMScheduler.from_config(pipeline.scheduler.config)
    streams = Streams(SEED)
    places = [int(place) for place in streams.permutation("order", 2, 0)]
    losses = [0.0, 0.0]
    for sample, place in enumerate(places):
        path, caption = images[place]
        left = streams.integer("crop", 11, 1, sample) if random else 5
        pixels = np.asarray(Image.open(path), dtype=np.float32)[:, left : left + SIDE] / 127.5 - 1
        posterior = pipeline.vae.encode(torch.from_numpy(pixels).permute(2, 0, 1)[None]).latent_dist
        draw = torch.from_numpy(streams.normal("posterior", tuple(posterior.mean.shape[1:]), 1, sample))
        latents = (posterior.mean + posterior.std * draw) * pipeline.vae.config.scaling_factor
        noise = torch.from_numpy(streams.normal("noise", tuple(latents.shape[1:]), 1, sample))[None]
        timestep = torch.tensor([streams.integer("timestep", 1000, 1, sample)])
        noisy = scheduler.add_noise(latents, noise, timestep)
        predicted = plain_prediction(pipeline, family, noisy, timestep, caption, left)
        velocity = scheduler.config.prediction_type == "v_prediction"
        target = scheduler.get_velocity(latents, noise, timestep) if velocity else noise
        losses[place] = float(torch.nn.functional.mse_loss(predicted, target))
    return losses


def plain_prediction(pipeline: Any, family: str, noisy: Tensor, timestep: Tensor, caption: str, left: int) -> Any:
    def ids(tokenizer: Any) -> Any:
        return tokenizer(caption, padding="max_length", max_length=77, return_tensors="pt").input_ids

    if family == "sd-2":
        return pipeline.unet(noisy, timestep, pipeline.text_encoder(ids(pipeline.tokenizer))[0]).sample
    first = pipeline.text_encoder(ids(pipeline.tokenizer), output_hidden_states=True)
    second = pipeline.text_encoder_2(ids(pipeline.tokenizer_2), output_hidden_states=True)
    texts = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], -1)
    sizes = torch.tensor([[16.0, 26.0, 0.0, left, 16.0, 16.0]])
    added = {"text_embeds": second.text_embeds, "time_ids": sizes}
    return pipeline.unet(noisy, timestep, texts, added_cond_kwargs=added).sample


@pytest.mark.parametrize("family", ["sd-2", "sdxl"])
@pytest.mark.parametrize(("parts", "crop"), [("u", "centre"), ("ut", "centre"), ("u", "random")])
def test_the_loss_is_that_of_a_plain_step(
    family_folders: dict[str, Path], wide: DatasetReference, tmp_path: Path, family: str, parts: str, crop: str
) -> None:
    technique = full_technique(parts=("unet", "text-encoder")[: len(parts)])
    changes = {"steps": 1, "accumulation": 1, "caption_dropout": 0.0, "flip": False, "crop": crop, "ema_decay": None}
    job = train_job(family_folders[family], wide, tmp_path / "run", technique=technique, seed=SEED, **changes)
    train.run(job, Recorder().context)
    with torch.no_grad():
        expected = sum(plain_losses(family_folders[family], family, images_of(wide), crop == "random")) / 2
    found = read_series(tmp_path / "run/series.jsonl")[0].loss
    # Both add the same float32 numbers in another order.
    assert found == pytest.approx(expected, rel=1e-5)


def images_of(dataset: DatasetReference) -> list[tuple[Path, str]]:
    return [(Path(dataset.root) / item.file, item.caption) for item in read_dataset(dataset)]


@pytest.mark.parametrize("family", ["sd-2", "sdxl"])
@pytest.mark.parametrize("technique", [full_technique(), lora_technique()])
def test_prior_preservation_is_half_of_both_losses_with_its_weight(
    family_folders: dict[str, Path], tmp_path: Path, family: str, technique: TechniqueSettings
) -> None:
    pictures, classes = (make_dataset(tmp_path / name, count=1, size=(26, SIDE)) for name in ("mine", "classes"))
    changes = {"steps": 1, "accumulation": 1, "ema_decay": None}
    job = train_job(family_folders[family], pictures, tmp_path / "run", technique=technique, seed=SEED, **changes)
    plain = {"flip": False, "caption_dropout": 0.0}
    subsets = (subset(pictures, **plain), subset(classes, regularisation=True, weight=0.3, **plain))
    train.run(msgspec.structs.replace(job, subsets=subsets), Recorder().context)
    with torch.no_grad():
        own, prior = plain_losses(family_folders[family], family, [*images_of(pictures), *images_of(classes)])
    # diffusers' train_dreambooth adds the means of both halves of a batch; here a batch has one mean.
    assert read_series(tmp_path / "run/series.jsonl")[0].loss == pytest.approx((own + 0.3 * prior) / 2, rel=1e-5)


@pytest.mark.parametrize(
    ("original", "flipped", "crop"),
    [
        ((64, 64), False, (0, 0)),
        # Twice as wide as high: scaled to 128x64, of which 32 columns on either side are cut off.
        ((100, 50), False, (0, 32)),
        ((50, 100), True, (32, 0)),
        # 64 * 101 / 50 = 129.28: of the 65 columns too many, 32 are on the left, and 33 in the mirror.
        ((101, 50), False, (0, 32)),
        ((101, 50), True, (0, 33)),
        ((50, 101), True, (32, 0)),
    ],
)
def test_crops_count_the_pixels_that_are_cut_off(
    original: tuple[int, int], flipped: bool, crop: tuple[int, int]
) -> None:
    sizes = size_conditioning(original, CoverCrop(64, 64), View(flipped))
    assert sizes.original == (original[1], original[0]) and sizes.target == (64, 64)
    assert sizes.crop == crop


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize(
    ("size", "corner"),
    [((93, 40), None), ((40, 93), None), ((57, 40), None), ((93, 40), (53, 0)), ((40, 93), (0, 7)), ((57, 40), (0, 0))],
)
def test_the_crop_is_where_the_pixels_come_from(
    tmp_path: Path, size: tuple[int, int], corner: tuple[int, int] | None, flipped: bool
) -> None:
    width, height = size
    # Every pixel says where it is; nothing is scaled.
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    picture = np.stack([columns, rows, np.zeros_like(rows)], -1).astype(np.uint8)
    Image.fromarray(picture[:, ::-1] if flipped else picture).save(tmp_path / "0.png")
    digest = hashlib.sha256((tmp_path / "0.png").read_bytes()).hexdigest()
    item = DatasetItem(
        file="0.png",
        sha256=digest,
        caption="",
        width=width,
        height=height,
        fingers=None,
        defect=None,
        control=None,
        mask=None,
        repeats=1,
    )
    files = image_files(str(tmp_path), [item], CoverCrop(40, 40))
    view = View(flipped, corner)
    first = PixelStore(files).pixels(0, view)[0, 0]
    assert time_ids(files, [view]).tolist() == [[height, width, int(first[1]), int(first[0]), 40, 40]]
