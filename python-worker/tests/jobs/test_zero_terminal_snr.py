"""Training with a terminal SNR of 0."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from phalanx_worker.errors import ConfigError
from phalanx_worker.jobs import train
from phalanx_worker.model.load import load_base
from phalanx_worker.protocol.messages import DatasetReference
from tests.small import PLAIN, Recorder, make_dataset, train_job

ZERO_SNR = msgspec.structs.replace(PLAIN, zero_terminal_snr=True)


@pytest.fixture
def dataset(tmp_path: Path) -> DatasetReference:
    return make_dataset(tmp_path / "dataset")


def velocity_base(base_folder: Path, folder: Path) -> Path:
    shutil.copytree(base_folder, folder)
    file = folder / "scheduler/scheduler_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "prediction_type": "v_prediction"}))
    return folder


def test_the_trained_base_says_that_its_schedule_is_rescaled(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path
) -> None:
    base = velocity_base(base_folder, tmp_path / "base")
    losses = []
    for name, objective in (("plain", PLAIN), ("rescaled", ZERO_SNR)):
        job = train_job(base, dataset, tmp_path / name, objective=objective, steps=2)
        result = train.run(job, Recorder().context)
        losses.append(result.final_loss)
        trained = load_base(Path(result.path))
        assert trained.noise_schedule.zero_terminal_snr == (name == "rescaled")
    assert trained.scheduler_config["timestep_spacing"] == "trailing"
    assert losses[0] != losses[1]
    assert not load_base(base).noise_schedule.zero_terminal_snr


def test_it_is_refused_for_a_base_that_predicts_noise(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        train.run(train_job(base_folder, dataset, tmp_path / "run", objective=ZERO_SNR), Recorder().context)
    assert caught.value.code == "zero-snr-epsilon"
    assert "v_prediction" in str(caught.value)
    assert not (tmp_path / "run/result.json").exists()
