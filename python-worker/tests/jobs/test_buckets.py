"""Trainings on images of several sizes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from phalanx_worker.artefacts.series import read_series
from phalanx_worker.artefacts.tensors import read_tensors
from phalanx_worker.errors import ConfigError
from phalanx_worker.jobs import train
from phalanx_worker.jobs.training_feed import FeedMaker, read_subsets
from phalanx_worker.model.load import load_base
from phalanx_worker.protocol.messages import (
    BucketPlan,
    BucketSize,
    CaptionSettings,
    DatasetReference,
    HeldOutSettings,
    TrainJob,
)
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.registry import create_technique
from phalanx_worker.training.latents import LatentCache
from tests.small import ARCHITECTURES, Killed, Recorder, make_base, make_dataset, subset, train_job

SIZES = (BucketSize(width=16, height=16), BucketSize(width=24, height=8), BucketSize(width=8, height=24))
LAST = "checkpoints/step-00000008"


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[DatasetReference, DatasetReference]:
    folder = tmp_path_factory.mktemp("sets")
    return make_dataset(folder / "wide", 5, (30, 12)), make_dataset(folder / "even", 4, (20, 20))


def job_of(base: Path, sets: tuple[DatasetReference, DatasetReference], output: Path, **changes: Any) -> TrainJob:
    """Two subsets in three buckets, with everything random switched on."""
    captions = CaptionSettings(prefix="", suffix="", shuffle=True, kept_tags=0, tag_dropout=0.2)
    subsets = (subset(sets[0], repeats=2, captions=captions), subset(sets[1], weight=0.5))
    places = ((1, 1, 2, 1, 0), (0, 0, 2, 0))
    job = train_job(base, sets[0], output, **changes)
    return msgspec.structs.replace(job, subsets=subsets, buckets=BucketPlan(sizes=SIZES, places=places))


def losses(output: Path) -> list[float]:
    return [line.loss for line in read_series(output / "series.jsonl")]


def same(left: Path, right: Path) -> None:
    assert losses(left) == losses(right)
    first, second = (read_tensors(folder / LAST / "weights.safetensors") for folder in (left, right))
    assert first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


@pytest.fixture(scope="module")
def whole(
    base_folder: Path, sets: tuple[DatasetReference, DatasetReference], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    output = tmp_path_factory.mktemp("whole") / "run"
    train.run(job_of(base_folder, sets, output), Recorder().context)
    return output


@pytest.mark.parametrize("after", [2, 5])
def test_a_killed_training_goes_on_bit_by_bit_and_with_a_cold_cache(
    base_folder: Path, sets: tuple[DatasetReference, DatasetReference], tmp_path: Path, whole: Path, after: int
) -> None:
    # 14 samples are an epoch of 8 or 9 batches, 16 batches are taken: both ends lie inside of one.
    job = job_of(base_folder, sets, tmp_path / "run")
    with pytest.raises(Killed):
        train.run(job, Recorder(raise_after=after).context)
    shutil.rmtree(tmp_path / "run/latents")
    train.run(job, Recorder().context)
    same(tmp_path / "run", whole)


def test_a_warm_cache_changes_no_loss(
    base_folder: Path, sets: tuple[DatasetReference, DatasetReference], tmp_path: Path, whole: Path
) -> None:
    shutil.copytree(whole / "latents", tmp_path / "run/latents")
    recorder = Recorder()
    train.run(job_of(base_folder, sets, tmp_path / "run"), recorder.context)
    again = msgspec.structs.replace(job_of(base_folder, sets, tmp_path / "again"))
    # The second finds all in memory.
    train.run(again, recorder.context)
    same(tmp_path / "run", whole)
    same(tmp_path / "again", whole)


def batches_of(base: Path, job: TrainJob, folder: Path, step: int) -> list[Batch]:
    loaded = load_base(base)
    technique = create_technique(job.settings)
    technique.attach(loaded, Streams(5))
    cache = LatentCache(folder, {})

    def latents(store: Any, keys: Any) -> Any:
        return cache.fill(loaded, store, keys, lambda *_: None, lambda _: None)

    feed = FeedMaker(loaded, technique, job.settings, Streams(5), job.buckets, latents).make(read_subsets(job.subsets))
    assert feed.samples(step) == sum(len(batch) for batch in feed.batches(step))
    return list(feed.batches(step))


def test_batches_are_of_one_size_and_sdxl_is_told_it(
    sets: tuple[DatasetReference, DatasetReference], tmp_path: Path
) -> None:
    base = make_base(tmp_path / "base", architecture=ARCHITECTURES["sdxl"])
    job = job_of(base, sets, tmp_path / "run")
    shapes = set()
    for step in range(1, 6):
        for batch in batches_of(base, job, tmp_path / "cache", step):
            assert batch.latents is not None and batch.time_ids is not None
            # The autoencoder of the small bases halves once.
            height, width = (2 * side for side in batch.latents.shape[-2:])
            shapes.add((width, height))
            assert all(row[4:].tolist() == [height, width] for row in batch.time_ids)
            assert {tuple(row[:2].tolist()) for row in batch.time_ids} <= {(12, 30), (20, 20)}
    assert shapes == {(16, 16), (24, 8), (8, 24)}


def test_what_a_sample_sees_does_not_depend_on_the_batch_it_is_in(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path
) -> None:
    def samples(batch_size: int, accumulation: int) -> list[tuple[Any, ...]]:
        changes = {"batch_size": batch_size, "accumulation": accumulation}
        job = train_job(base_folder, dataset, tmp_path / "run", **changes)
        found = []
        for batch in batches_of(base_folder, job, tmp_path / "cache", 3):
            assert batch.latents is not None
            noise = batch.normal("noise", tuple(batch.latents.shape[1:]))
            steps = batch.integers("timestep", 1000)
            rows = zip(batch.samples, batch.captions, batch.latents, noise, steps, strict=True)
            found += [(sample, caption, *(item.tolist() for item in parts)) for sample, caption, *parts in rows]
        return found

    assert samples(6, 1) == samples(3, 2) == samples(1, 6)


def test_held_out_images_have_sizes_too(
    base_folder: Path, sets: tuple[DatasetReference, DatasetReference], tmp_path: Path
) -> None:
    held_out = HeldOutSettings(dataset=make_dataset(tmp_path / "apart", 3, (40, 40)), every=4, best=None)
    job = msgspec.structs.replace(job_of(base_folder, sets, tmp_path / "run"), held_out=held_out)
    assert job.buckets is not None
    plan = BucketPlan(sizes=SIZES, places=(*job.buckets.places, (2, 0, 2)))
    train.run(msgspec.structs.replace(job, buckets=plan), Recorder().context)
    told = [line.held_out_loss for line in read_series(tmp_path / "run/series.jsonl")]
    assert [step for step, loss in enumerate(told, start=1) if loss is not None] == [4, 8]


@pytest.mark.parametrize("places", [((0,), (0,)), ((0, 0, 0, 0, 9), (0, 0, 0, 0)), ((0, 0, 0, 0, 0),)])
def test_a_plan_of_other_images_is_refused(
    base_folder: Path, sets: tuple[DatasetReference, DatasetReference], tmp_path: Path, places: Any
) -> None:
    job = msgspec.structs.replace(
        job_of(base_folder, sets, tmp_path / "run"), buckets=BucketPlan(sizes=SIZES, places=places)
    )
    with pytest.raises(ConfigError) as caught:
        train.run(job, Recorder().context)
    assert caught.value.code == "bucket-mismatch"
