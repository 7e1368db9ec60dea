"""Trainings on several datasets."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import msgspec
import pytest
import torch

from phalanx_worker.artefacts.series import read_series
from phalanx_worker.artefacts.tensors import read_tensors
from phalanx_worker.jobs import train
from phalanx_worker.jobs.training_result import config_sha256
from phalanx_worker.protocol.messages import CaptionSettings, DatasetReference, HeldOutSettings, TrainJob
from tests.small import Killed, Recorder, full_technique, make_dataset, subset, train_job

LAST = "checkpoints/step-00000008"


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> DatasetReference:
    return make_dataset(tmp_path_factory.mktemp("classes") / "images", 3)


def job_of(
    base: Path, dataset: DatasetReference, classes: DatasetReference, output: Path, **changes: object
) -> TrainJob:
    """The same images repeated and without, with class images beside them."""
    captions = CaptionSettings(prefix="ohwx,", suffix="", shuffle=True, kept_tags=0, tag_dropout=0.3)
    repeated = subset(dataset, repeats=2, weight=0.5, captions=captions)
    plain = subset(dataset, flip=False)
    own = subset(classes, regularisation=True, weight=0.25)
    job = train_job(base, dataset, output, **changes)
    return msgspec.structs.replace(job, subsets=(repeated, plain, own))


def losses(output: Path) -> list[float]:
    return [line.loss for line in read_series(output / "series.jsonl")]


@pytest.mark.parametrize("after", [2, 5])
def test_a_killed_training_goes_on_bit_by_bit(
    base_folder: Path, dataset: DatasetReference, classes: DatasetReference, tmp_path: Path, after: int
) -> None:
    train.run(job_of(base_folder, dataset, classes, tmp_path / "whole"), Recorder().context)
    job = job_of(base_folder, dataset, classes, tmp_path / "run")
    with pytest.raises(Killed):
        train.run(job, Recorder(raise_after=after).context)
    train.run(job, Recorder().context)
    assert losses(tmp_path / "run") == losses(tmp_path / "whole")
    first, second = (read_tensors(tmp_path / name / LAST / "weights.safetensors") for name in ("run", "whole"))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_weights_multiply_losses(
    base_folder: Path, dataset: DatasetReference, classes: DatasetReference, tmp_path: Path
) -> None:
    def first_loss(name: str, weights: tuple[float, float]) -> float:
        technique = full_technique(parts=("unet",))
        job = train_job(base_folder, dataset, tmp_path / name, technique=technique, steps=1)
        subsets = (subset(dataset, weight=weights[0]), subset(classes, weight=weights[1]))
        train.run(msgspec.structs.replace(job, subsets=subsets), Recorder().context)
        return losses(tmp_path / name)[0]

    whole = first_loss("whole", (1.0, 1.0))
    parts = first_loss("first", (1.0, 1e-9)), first_loss("second", (1e-9, 1.0))
    assert min(parts) > 0.01 * whole
    # Sums of the same float32 numbers, and a billionth of the other half.
    assert sum(parts) == pytest.approx(whole, rel=1e-5)


def repeated_in(dataset: DatasetReference, folder: Path, repeats: int) -> DatasetReference:
    """The same images, each of which its dataset repeats."""
    folder.mkdir()
    lines = [json.loads(line) for line in Path(dataset.manifest).read_text("utf-8").splitlines()]
    text = "".join(json.dumps({**line, "repeats": repeats}) + "\n" for line in lines)
    manifest = folder / "manifest.jsonl"
    manifest.write_text(text, "utf-8")
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return DatasetReference(root=dataset.root, manifest=str(manifest), sha256=sha256)


def test_repeats_of_a_dataset_are_those_of_a_subset_and_held_out_images_have_none(
    base_folder: Path, dataset: DatasetReference, classes: DatasetReference, tmp_path: Path
) -> None:
    def series(name: str, subset_repeats: int, own: DatasetReference) -> list[tuple[float, float | None]]:
        images = repeated_in(classes, tmp_path / f"held-{name}", subset_repeats)
        held_out = HeldOutSettings(dataset=images, every=2, best=None)
        subsets = (subset(own, repeats=subset_repeats), subset(classes))
        job = train_job(base_folder, dataset, tmp_path / name)
        train.run(msgspec.structs.replace(job, subsets=subsets, held_out=held_out), Recorder().context)
        return [(line.loss, line.held_out_loss) for line in read_series(tmp_path / name / "series.jsonl")]

    of_subset = series("subset", 6, dataset)
    assert series("both", 2, repeated_in(dataset, tmp_path / "three", 3)) == of_subset
    assert series("once", 1, dataset) != of_subset


def test_where_a_dataset_lies_decides_nothing_and_how_it_is_seen_does(
    base_folder: Path, dataset: DatasetReference, classes: DatasetReference, tmp_path: Path
) -> None:
    job = job_of(base_folder, dataset, classes, tmp_path / "run")
    first, *rest = job.subsets
    moved = msgspec.structs.replace(first, dataset=msgspec.structs.replace(dataset, root="/elsewhere"))
    heavier = msgspec.structs.replace(first, weight=0.75)

    def identity(*subsets: object) -> str:
        return config_sha256(msgspec.structs.replace(job, subsets=subsets), "base")

    assert identity(moved, *rest) == identity(first, *rest) != identity(heavier, *rest)
    assert identity(*rest, first) != identity(first, *rest)
