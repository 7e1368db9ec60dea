"""A training that pauses, so that somebody may look at what it would give."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from phalanx_worker.artefacts.series import read_series
from phalanx_worker.errors import ArtefactError
from phalanx_worker.jobs import train
from phalanx_worker.protocol.messages import DatasetReference, StepEndEvent
from tests.small import Killed, Recorder, lora_technique, train_job


def test_a_training_with_pauses_is_bit_equal_to_one_without(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path
) -> None:
    technique = lora_technique()
    whole = train.run(train_job(base_folder, dataset, tmp_path / "whole", technique=technique), Recorder().context)
    job = train_job(base_folder, dataset, tmp_path / "paused", technique=technique)
    hashes = []
    for pause, before in ((2, 0), (7, 2), (8, 7)):
        paused = msgspec.structs.replace(job, pause_after=pause)
        recorder = Recorder()
        result = train.run(paused, recorder.context)
        assert (result.steps, result.exported_step, result.resumed_from) == (pause, pause, before)
        assert Path(result.path) == tmp_path / f"paused/paused/step-{pause:08d}/result.safetensors"
        # Once finished, it is only told again.
        again = Recorder()
        assert train.run(paused, again.context) == result
        assert not [event for event in again.events if isinstance(event, StepEndEvent)]
        hashes.append(result.sha256)
    assert len(set(hashes)) == 3
    last = train.run(job, Recorder().context)
    assert last.sha256 == whole.sha256
    assert Path(last.path) == tmp_path / "paused/result.safetensors"
    losses = [[line.loss for line in read_series(tmp_path / name / "series.jsonl")] for name in ("whole", "paused")]
    assert losses[0] == losses[1]
    # What was paused at is what a training of the same schedule would have written then.
    cut = train_job(base_folder, dataset, tmp_path / "cut", technique=technique)
    with pytest.raises(Killed):
        train.run(cut, Recorder(raise_after=5).context)
    assert train.run(msgspec.structs.replace(cut, pause_after=7), Recorder().context).sha256 == hashes[1]


def test_what_lies_behind_is_refused(base_folder: Path, dataset: DatasetReference, tmp_path: Path) -> None:
    job = train_job(base_folder, dataset, tmp_path / "run")
    train.run(job, Recorder().context)
    with pytest.raises(ArtefactError) as caught:
        train.run(msgspec.structs.replace(job, pause_after=4), Recorder().context)
    assert (caught.value.code, caught.value.facts["step"], caught.value.facts["pause"]) == ("beyond-pause", 8, 4)


def test_values_of_a_metric_outlive_lines_that_are_cut_off(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path
) -> None:
    job = train_job(base_folder, dataset, tmp_path / "run")
    train.run(msgspec.structs.replace(job, pause_after=3), Recorder().context)
    series = tmp_path / "run/series.jsonl"
    lines = [msgspec.structs.replace(line, metric=0.5 if line.step == 3 else None) for line in read_series(series)]
    series.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    train.run(msgspec.structs.replace(job, pause_after=5), Recorder().context)
    assert [line.metric for line in read_series(series)] == [None, None, 0.5, None, None]
