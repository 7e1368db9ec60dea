"""The job that writes features of images and texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from phalanx_worker.errors import ConfigError, DatasetError, JobError
from phalanx_worker.features.open_extractor import WARM_KEY
from phalanx_worker.jobs import classify, embed
from phalanx_worker.jobs.context import JobCancelled
from phalanx_worker.protocol.messages import (
    ClassifyJob,
    EmbedJob,
    EmbedResult,
    ProgressEvent,
    StoredClassifier,
    StoredClip,
    StoredExtractor,
)
from tests.features.extractors import make_clip, sha256_of, wave
from tests.small import Recorder

CLASSIFIER = Path(__file__).parents[3] / "src" / "weights" / "finger-classifier" / "finger-classifier.safetensors"
OF_CLASSIFIER = StoredClassifier(weights=str(CLASSIFIER), sha256=sha256_of(CLASSIFIER))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> StoredClip:
    folder = make_clip(tmp_path_factory.mktemp("clip") / "clip")
    return StoredClip(folder=str(folder), sha256=sha256_of(folder / "model.safetensors"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("images")
    paths = [folder / f"{index}.png" for index in range(5)]
    for index, path in enumerate(paths):
        Image.fromarray(wave(60 + 30 * index, 100 - 10 * index)).save(path)
    return [str(path) for path in paths]


def run(
    extractor: StoredExtractor,
    output: Path,
    *,
    files: Sequence[str] = (),
    texts: Sequence[str] = (),
    batch_size: int = 2,
    recorder: Recorder | None = None,
) -> tuple[EmbedResult, torch.Tensor]:
    job = EmbedJob(
        extractor=extractor, files=tuple(files), texts=tuple(texts), batch_size=batch_size, output=str(output)
    )
    result = embed.run(job, (recorder or Recorder()).context)
    return result, load_file(output)["features"]


def test_rows_are_in_order_whatever_the_batch_size(clip: StoredClip, files: list[str], tmp_path: Path) -> None:
    recorder = Recorder()
    result, rows = run(clip, tmp_path / "a.safetensors", files=files, recorder=recorder)
    assert rows.shape == (5, result.width) and rows.dtype == torch.float32
    assert result.file.sha256 == sha256_of(tmp_path / "a.safetensors")
    done = [event.done for event in recorder.events if isinstance(event, ProgressEvent)]
    assert done == [2, 4, 5]
    _, turned = run(clip, tmp_path / "b.safetensors", files=files[::-1], batch_size=5)
    # float32 sums over 16 numbers near 1 in another order.
    torch.testing.assert_close(turned.flip(0), rows, rtol=0, atol=1e-5)
    assert float((rows[0] - rows[1]).abs().max()) > 1e-3


def test_texts_have_rows_too(clip: StoredClip, tmp_path: Path) -> None:
    result, rows = run(clip, tmp_path / "a.safetensors", texts=["a hand", "a photo of an open palm", "a hand"])
    assert result.logit_scale is not None and result.logit_scale > 1
    # Padding to the longest text of a batch must not count.
    torch.testing.assert_close(rows[0], rows[2], rtol=0, atol=1e-6)
    assert float((rows[0] - rows[1]).abs().max()) > 1e-3


def test_features_of_the_classifier_are_those_it_judges_by(files: list[str], tmp_path: Path) -> None:
    result, rows = run(OF_CLASSIFIER, tmp_path / "a.safetensors", files=files)
    job = ClassifyJob(classifier=str(CLASSIFIER), files=tuple(files), batch_size=2)
    judged = [judgement.features for judgement in classify.run(job, Recorder().context).judgements]
    # float32 sums of a few hundred numbers near 1 in another order.
    torch.testing.assert_close(rows, torch.tensor(judged), rtol=0, atol=1e-5)
    assert result.width == 128 and result.logit_scale is None


def test_an_extractor_stays_until_another_is_asked_for(clip: StoredClip, files: list[str], tmp_path: Path) -> None:
    recorder = Recorder()
    run(clip, tmp_path / "a.safetensors", files=files[:1], recorder=recorder)
    first = recorder.context.warm[WARM_KEY][1]
    run(clip, tmp_path / "b.safetensors", texts=["a hand"], recorder=recorder)
    assert recorder.context.warm[WARM_KEY][1] is first
    run(OF_CLASSIFIER, tmp_path / "c.safetensors", files=files[:1], recorder=recorder)
    assert recorder.context.warm[WARM_KEY][1] is not first


def test_nothing_is_written_when_it_is_cancelled_or_refused(
    clip: StoredClip, files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "a.safetensors"
    recorder = Recorder()
    recorder.context.token.requested.set()
    with pytest.raises(JobCancelled):
        run(clip, output, files=files, recorder=recorder)
    assert len([event for event in recorder.events if isinstance(event, ProgressEvent)]) == 1
    broken = tmp_path / "broken.png"
    broken.write_bytes(Path(files[0]).read_bytes()[:200])
    with pytest.raises(DatasetError):
        run(clip, output, files=[*files, str(broken)])
    for given in ({}, {"files": files, "texts": ["a hand"]}):
        with pytest.raises(ConfigError) as caught:
            run(clip, output, **given)  # type: ignore[arg-type]
        assert caught.value.code == "nothing-to-embed"
    with pytest.raises(ConfigError) as caught:
        run(OF_CLASSIFIER, output, texts=["a hand"])
    assert caught.value.code == "no-text-features"
    monkeypatch.setattr(
        "phalanx_worker.features.transformer.ClipExtractor.embed", lambda _self, images: images.flatten(1) / 0
    )
    with pytest.raises(JobError) as failed:
        run(clip, output, files=files)
    assert failed.value.code == "feature-not-finite"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.png"]
