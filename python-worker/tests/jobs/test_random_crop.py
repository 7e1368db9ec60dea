"""Trainings on crops at random places."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from phalanx_worker.artefacts.series import read_series
from phalanx_worker.artefacts.tensors import read_tensors
from phalanx_worker.jobs import train
from phalanx_worker.jobs.training_feed import FeedMaker, read_subsets
from phalanx_worker.model.load import load_base
from phalanx_worker.protocol.messages import (
    BucketPlan,
    BucketSize,
    ControlNetTechnique,
    DatasetReference,
    ItemPicture,
    MaskedLoss,
    NothingOutside,
    TrainJob,
)
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.registry import create_technique
from phalanx_worker.training.data import read_dataset
from tests.small import (
    ARCHITECTURES,
    PLAIN,
    Killed,
    Recorder,
    make_base,
    make_dataset,
    train_job,
    write_manifest,
)

WIDTH, SIDE = 60, 16
SHOWN = slice(30, 34)
"""Columns that the masks show."""
CONTROL = ControlNetTechnique(weights="float32", start=None, channels=(16, 32, 96, 256))


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    parent = tmp_path_factory.mktemp("bases")
    return {family: make_base(parent / family, 1, ARCHITECTURES[family]) for family in ("sd-1", "sdxl")}


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> DatasetReference:
    """Three images of 60x16 whose control pictures, twice as large, tell every column's number."""
    folder = tmp_path_factory.mktemp("ruled") / "images"
    items = read_dataset(make_dataset(folder, 3, (WIDTH, SIDE)))
    mask = np.zeros((SIDE, WIDTH), np.uint8)
    mask[:, SHOWN] = 255
    ruler = np.tile(np.repeat(np.arange(WIDTH, dtype=np.uint8), 2), (2 * SIDE, 1))
    pictures = {}
    for name, levels in {"mask": mask, "control": ruler}.items():
        Image.fromarray(levels).save(folder / f"{name}.png")
        digest = hashlib.sha256((folder / f"{name}.png").read_bytes()).hexdigest()
        pictures[name] = ItemPicture(file=f"{name}.png", sha256=digest)
    return write_manifest(folder, [msgspec.structs.replace(item, **pictures) for item in items])


def batches_of(job: TrainJob, steps: int) -> Iterator[Batch]:
    base, streams = load_base(Path(job.base)), Streams(job.settings.seed)
    technique = create_technique(job.settings)
    technique.attach(base, streams)

    def cached(*_: Any) -> Any:
        raise AssertionError("what is cropped at random has no latents to cache")

    feed = FeedMaker(base, technique, job.settings, streams, job.buckets, cached).make(read_subsets(job.subsets))
    for step in range(1, steps + 1):
        yield from feed.batches(step)


def test_picture_size_condition_and_latents_are_of_one_place(bases: dict[str, Path], ruled: DatasetReference) -> None:
    changes: dict[str, Any] = {"technique": CONTROL, "crop": "random", "batch_size": 9, "accumulation": 1}
    job = train_job(bases["sdxl"], ruled, Path("/nowhere"), **changes)
    autoencoder = load_base(bases["sdxl"]).autoencoder
    images = {
        item.caption: np.asarray(Image.open(Path(ruled.root) / item.file), np.float32) for item in read_dataset(ruled)
    }
    places, compared = set(), 0
    for batch in batches_of(job, 20):
        assert batch.latents is not None and batch.controls is not None and batch.time_ids is not None
        draws = batch.normal("posterior", tuple(batch.latents.shape[1:]))
        rows = zip(batch.captions, batch.latents, batch.controls, batch.time_ids, draws, strict=True)
        for caption, latents, control, sizes, draw in rows:
            # Scaled to half its size, the ruler tells the same but for rounding at its ends.
            columns = (control[0, 0] * 255).round().int().tolist()
            flipped = columns[0] > columns[-1]
            left = min(columns[SIDE // 2 - 1 : SIDE // 2 + 1]) - SIDE // 2 + 1
            places.add(left)
            told = WIDTH - SIDE - left if flipped else left
            assert sizes.tolist() == [SIDE, WIDTH, 0, told, SIDE, SIDE]
            if caption == "" or compared >= 8:
                continue
            pixels = images[caption][:, left : left + SIDE]
            levels = torch.from_numpy((pixels[:, ::-1] if flipped else pixels) / 127.5 - 1).permute(2, 0, 1)[None]
            with torch.no_grad():
                posterior = autoencoder.encode(levels).latent_dist
            expected = (posterior.mean + posterior.std * draw)[0] * autoencoder.config.scaling_factor
            # A batch of one and one of eight add the same float32 numbers in another order.
            torch.testing.assert_close(latents, expected, rtol=1e-4, atol=1e-5)
            compared += 1
    # 180 draws among 45 places: one is missed with a probability of 45 * (44 / 45) ** 180 < 0.8, two less often.
    assert compared == 8 and len(places) >= 40 and min(places) >= 0 and max(places) <= WIDTH - SIDE


def test_every_crop_shows_something_of_its_mask(bases: dict[str, Path], ruled: DatasetReference) -> None:
    objective = msgspec.structs.replace(PLAIN, mask=MaskedLoss(outside=NothingOutside()))
    job = train_job(bases["sd-1"], ruled, Path("/nowhere"), objective=objective, crop="random", batch_size=9)
    shown = set()
    for batch in batches_of(job, 10):
        assert batch.masks is not None
        assert bool(batch.masks.flatten(1).any(1).all())
        shown |= set(batch.masks.flatten(1).sum(1).tolist())
    # Eight rows of two latents where all four columns are seen, less at the edges of a crop.
    assert max(shown) == 16 and len(shown) > 2


def test_a_sample_sees_the_same_in_any_batch(bases: dict[str, Path], ruled: DatasetReference) -> None:
    def latents(batch_size: int, accumulation: int) -> list[Any]:
        changes: dict[str, Any] = {"crop": "random", "batch_size": batch_size, "accumulation": accumulation}
        found = batches_of(train_job(bases["sd-1"], ruled, Path("/nowhere"), **changes), 2)
        return [row.tolist() for batch in found if batch.latents is not None for row in batch.latents]

    assert latents(6, 1) == latents(3, 2) == latents(1, 6)


def test_a_killed_training_in_buckets_goes_on_bit_by_bit(
    bases: dict[str, Path], ruled: DatasetReference, tmp_path: Path
) -> None:
    sizes = (BucketSize(width=16, height=16), BucketSize(width=24, height=8))
    plan = BucketPlan(sizes=sizes, places=((0, 1, 0),))

    def job(name: str) -> TrainJob:
        return msgspec.structs.replace(
            train_job(bases["sd-1"], ruled, tmp_path / name, crop="random", steps=4, checkpoint_every=2), buckets=plan
        )

    train.run(job("whole"), Recorder().context)
    with pytest.raises(Killed):
        train.run(job("run"), Recorder(raise_after=3).context)
    assert train.run(job("run"), Recorder().context).resumed_from == 2
    first, second = (
        read_tensors(tmp_path / name / "checkpoints/step-00000004/weights.safetensors") for name in ("run", "whole")
    )
    assert first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)
    losses = [[line.loss for line in read_series(tmp_path / name / "series.jsonl")] for name in ("run", "whole")]
    assert losses[0] == losses[1]
    assert not (tmp_path / "run/latents").exists()
