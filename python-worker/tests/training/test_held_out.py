"""The loss on images that are never trained on."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from phalanx_worker.artefacts.series import read_series
from phalanx_worker.jobs import train
from phalanx_worker.protocol.messages import DatasetReference, HeldOutSettings
from tests.small import Recorder, make_dataset, train_job


def test_the_held_out_loss_is_that_of_the_result_and_changes_nothing(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path
) -> None:
    held_out = make_dataset(tmp_path / "held-out", 5)
    plain = train_job(base_folder, dataset, tmp_path / "run")
    job = msgspec.structs.replace(plain, held_out=HeldOutSettings(dataset=held_out, every=3))
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
