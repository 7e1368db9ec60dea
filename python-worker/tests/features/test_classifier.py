"""Training, judging and the file of the finger classifier."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from phalanx_worker.errors import ArtefactError, DatasetError
from phalanx_worker.features.augmentation import augment
from phalanx_worker.features.classifier_file import read_classifier
from phalanx_worker.features.network import create_network
from phalanx_worker.features.training import calibrate, labelled_loss
from phalanx_worker.jobs import classify, train_classifier
from phalanx_worker.protocol.messages import (
    ClassifierSettings,
    ClassifyJob,
    DatasetItem,
    DatasetReference,
    StepEndEvent,
    TrainClassifierJob,
)
from phalanx_worker.streams import Streams
from phalanx_worker.training.data import PixelStore, image_files
from phalanx_worker.training.images import CoverCrop
from tests.small import Recorder, write_manifest

SETTINGS = ClassifierSettings(
    image_size=32,
    channels=(8, 16),
    steps=60,
    batch_size=16,
    learning_rate=1e-2,
    weight_decay=0.0,
    augment=False,
    seed=3,
)


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> DatasetReference:
    """One to three upright bars stand for fingers; red ones for a defect."""
    folder = tmp_path_factory.mktemp("bars")
    items = []
    for index in range(90):
        count, defect = index % 3 + 1, index % 2 == 0
        picture = Image.new("RGB", (32, 32), (20, 30 + index, 40))
        draw = ImageDraw.Draw(picture)
        for bar in range(count):
            left = 3 + 10 * bar + index % 3
            draw.rectangle((left, 4, left + 4, 28), fill=(250, 60, 60) if defect else (240, 240, 240))
        file = folder / f"{index}.png"
        picture.save(file)
        items.append(
            DatasetItem(
                file=file.name,
                sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
                caption="",
                width=32,
                height=32,
                # Some labels are unknown, as they are in real sets.
                fingers=None if index % 7 == 0 else count,
                defect=None if index % 11 == 0 else defect,
                control=None,
                mask=None,
                repeats=1,
            )
        )
    return write_manifest(folder, items)


@pytest.fixture(scope="module")
def trained(bars: DatasetReference, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("classifier") / "bars.safetensors"
    recorder = Recorder()
    job = TrainClassifierJob(dataset=bars, settings=SETTINGS, output=str(path))
    result = train_classifier.run(job, recorder.context)
    losses = [event.loss for event in recorder.events if isinstance(event, StepEndEvent)]
    assert len(losses) == SETTINGS.steps
    assert result.file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])
    return path


def test_it_learns_both_labels(trained: Path, bars: DatasetReference) -> None:
    files = [str(Path(bars.root) / f"{index}.png") for index in range(90)]
    result = classify.run(ClassifyJob(classifier=str(trained), files=tuple(files), batch_size=32), Recorder().context)
    counts = [judgement.fingers == index % 3 + 1 for index, judgement in enumerate(result.judgements)]
    defects = [
        (judgement.defect_probability > 0.5) == (index % 2 == 0) for index, judgement in enumerate(result.judgements)
    ]
    # Chance is one in three and one in two.
    assert np.mean(counts) > 0.8
    assert np.mean(defects) > 0.9
    for judgement in result.judgements:
        assert len(judgement.finger_probabilities) == 7
        assert sum(judgement.finger_probabilities) == pytest.approx(1, abs=1e-9)
        assert len(judgement.features) == 16


def test_the_same_training_gives_the_same_file(trained: Path, bars: DatasetReference, tmp_path: Path) -> None:
    again = tmp_path / "again.safetensors"
    train_classifier.run(TrainClassifierJob(dataset=bars, settings=SETTINGS, output=str(again)), Recorder().context)
    assert again.read_bytes() == trained.read_bytes()


def test_order_is_kept_and_the_batch_size_changes_nothing(trained: Path, bars: DatasetReference) -> None:
    files = tuple(str(Path(bars.root) / f"{index}.png") for index in (5, 0, 7, 3))

    def judged(size: int) -> list[list[float]]:
        job = ClassifyJob(classifier=str(trained), files=files, batch_size=size)
        return [list(judgement.features) for judgement in classify.run(job, Recorder().context).judgements]

    # Sums of a few hundred float32 numbers near 1 in another order.
    np.testing.assert_allclose(judged(1), judged(4), rtol=0, atol=1e-5)
    assert not np.allclose(judged(4)[0], judged(4)[1], atol=1e-3)


def labelled(file: str, defect: bool) -> DatasetItem:
    return DatasetItem(
        file=file,
        sha256="0" * 64,
        caption="",
        width=32,
        height=32,
        fingers=None,
        defect=defect,
        control=None,
        mask=None,
        repeats=1,
    )


def test_unknown_labels_have_no_gradient() -> None:
    network = create_network((8, 16), 1)
    images = torch.randn(2, 3, 32, 32)
    items = [
        DatasetItem(
            file="a",
            sha256="0" * 64,
            caption="",
            width=32,
            height=32,
            fingers=None,
            defect=True,
            control=None,
            mask=None,
            repeats=1,
        ),
        DatasetItem(
            file="b",
            sha256="0" * 64,
            caption="",
            width=32,
            height=32,
            fingers=None,
            defect=False,
            control=None,
            mask=None,
            repeats=1,
        ),
    ]
    labelled_loss(network(images), items).backward()
    assert network.counts.weight.grad is not None and not network.counts.weight.grad.any()
    assert network.defect.weight.grad is not None and bool(network.defect.weight.grad.any())


def test_augmentation_is_the_same_for_the_same_stream() -> None:
    images = torch.rand(4, 3, 32, 32) * 2 - 1
    first = augment(images, Streams(1).generator("augment", 1))
    assert torch.equal(first, augment(images, Streams(1).generator("augment", 1)))
    assert not torch.equal(first, augment(images, Streams(1).generator("augment", 2)))
    assert first.shape == images.shape and float(first.abs().max()) <= 1


def test_calibration_cools_an_overconfident_network(bars: DatasetReference) -> None:
    network = create_network((8, 16), 1)
    items = tuple(msgspec.json.decode(line, type=DatasetItem) for line in Path(bars.manifest).read_bytes().splitlines())
    store = PixelStore(image_files(bars.root, items, CoverCrop(32, 32)))
    with torch.no_grad():
        network.defect.weight.mul_(50)
    # An untrained head that is sure of itself is wrong half the time, so it must be made less sure.
    assert calibrate(network, store, list(range(60)), 16) > 2


def test_images_without_labels_are_refused(bars: DatasetReference, tmp_path: Path) -> None:
    lines = Path(bars.manifest).read_bytes().splitlines()
    items = [
        msgspec.structs.replace(msgspec.json.decode(line, type=DatasetItem), fingers=None, defect=None)
        for line in lines
    ]
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_bytes(b"\n".join(msgspec.json.encode(item) for item in items))
    reference = DatasetReference(
        root=bars.root, manifest=str(manifest), sha256=hashlib.sha256(manifest.read_bytes()).hexdigest()
    )
    output = tmp_path / "none.safetensors"
    with pytest.raises(DatasetError) as caught:
        train_classifier.run(
            TrainClassifierJob(dataset=reference, settings=SETTINGS, output=str(output)), Recorder().context
        )
    assert caught.value.code == "no-labels"
    assert not output.exists()


def test_broken_images_and_foreign_files_are_refused(trained: Path, bars: DatasetReference, tmp_path: Path) -> None:
    good = str(Path(bars.root) / "0.png")

    def code_of(classifier: Path, file: str) -> str:
        with pytest.raises((ArtefactError, DatasetError)) as caught:
            classify.run(ClassifyJob(classifier=str(classifier), files=(file,), batch_size=1), Recorder().context)
        return caught.value.code

    broken = tmp_path / "broken.png"
    broken.write_bytes(Path(good).read_bytes()[:60])
    assert code_of(trained, str(broken)) == "broken-image"
    assert code_of(trained, str(tmp_path / "absent.png")) == "missing-image"
    truncated = tmp_path / "truncated.safetensors"
    truncated.write_bytes(trained.read_bytes()[:-10])
    assert code_of(truncated, good) == "broken-file"
    from safetensors.torch import save_file

    foreign = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(2)}, foreign)
    assert code_of(foreign, good) == "not-a-classifier"
    assert read_classifier(trained).image_size == 32
