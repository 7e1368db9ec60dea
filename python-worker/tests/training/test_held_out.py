"""The loss on images that are never trained on."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from phalanx_worker.artefacts.series import read_series
from phalanx_worker.jobs import train
from phalanx_worker.protocol.messages import (
    BestByLoss,
    CosineRestartsSchedule,
    DatasetReference,
    HeldOutSettings,
    TrainJob,
)
from tests.small import Killed, Recorder, make_dataset, reference_of, train_job


def test_the_held_out_loss_is_that_of_the_result_and_changes_nothing(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path
) -> None:
    held_out = make_dataset(tmp_path / "held-out", 5)
    plain = train_job(base_folder, dataset, tmp_path / "run")
    job = msgspec.structs.replace(plain, held_out=HeldOutSettings(dataset=held_out, every=3, best=None))
    result = train.run(job, Recorder().context)
    measured = {line.step: line.held_out_loss for line in read_series(tmp_path / "run/series.jsonl")}
    assert [step for step, loss in measured.items() if loss is not None] == [3, 6, 8]
    assert measured[8] == result.held_out_loss
    without = train.run(train_job(base_folder, dataset, tmp_path / "without"), Recorder().context)
    assert result.sha256 == without.sha256
    # The result measured by itself: the rate of a warm-up's first step is 0.
    still = train_job(Path(result.path), dataset, tmp_path / "still", steps=1, ema_decay=None)
    again = train.run(msgspec.structs.replace(still, held_out=job.held_out), Recorder().context)
    assert again.held_out_loss == pytest.approx(result.held_out_loss, rel=1e-6)


RESTARTS = CosineRestartsSchedule(warmup_steps=0, cycles=2)
"""Down in six steps and up again at once."""


def chosen_job(base: Path, dataset: DatasetReference, folder: Path, patience: int | None) -> TrainJob:
    """A training whose rate is so large that its held-out loss rises and falls."""
    folder.mkdir(exist_ok=True)
    if not (folder / "held-out").exists():
        make_dataset(folder / "held-out", 5)
    held_out = reference_of(folder / "held-out")
    job = train_job(base, dataset, folder / "run", steps=12)
    optimizer = msgspec.structs.replace(job.settings.optimizer, learning_rate=5e-2)
    return msgspec.structs.replace(
        job,
        settings=msgspec.structs.replace(job.settings, optimizer=optimizer, schedule=RESTARTS, ema_decay=None),
        held_out=HeldOutSettings(dataset=held_out, every=1, best=BestByLoss(patience=patience)),
    )


def measured(folder: Path) -> list[float]:
    return [line.held_out_loss or 0.0 for line in read_series(folder / "run/series.jsonl")]


def test_the_best_weights_become_the_result(base_folder: Path, dataset: DatasetReference, tmp_path: Path) -> None:
    job = chosen_job(base_folder, dataset, tmp_path, None)
    result = train.run(job, Recorder().context)
    losses = measured(tmp_path)
    assert len(losses) == result.steps == 12
    assert result.held_out_loss == min(losses) == losses[result.exported_step - 1]
    # The choice means something: neither the first nor the last step is the best.
    assert 1 < result.exported_step < 12
    still = train_job(Path(result.path), dataset, tmp_path / "still", steps=1, ema_decay=None)
    again = train.run(msgspec.structs.replace(still, held_out=job.held_out), Recorder().context)
    assert again.held_out_loss == pytest.approx(result.held_out_loss, rel=1e-6)


def test_patience_ends_a_training_and_a_killed_one_ends_alike(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path
) -> None:
    job = chosen_job(base_folder, dataset, tmp_path / "whole", 2)
    whole = train.run(job, Recorder().context)
    losses = measured(tmp_path / "whole")
    assert whole.steps == whole.exported_step + 2 < 12
    assert whole.held_out_loss == min(losses) == losses[whole.exported_step - 1]
    for killed_after in (whole.exported_step, whole.steps):
        cut = chosen_job(base_folder, dataset, tmp_path / f"cut-{killed_after}", 2)
        with pytest.raises(Killed):
            train.run(cut, Recorder(raise_after=killed_after).context)
        resumed = train.run(cut, Recorder().context)
        assert (resumed.sha256, resumed.steps) == (whole.sha256, whole.steps)
        assert measured(tmp_path / f"cut-{killed_after}") == losses
