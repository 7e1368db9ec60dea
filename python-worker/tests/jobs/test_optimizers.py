"""Trainings with every optimizer: they go on bit by bit, and a result holds what the optimizer gives."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import torch
from torch import Tensor

from phalanx_worker.artefacts.series import read_series
from phalanx_worker.artefacts.tensors import read_tensors
from phalanx_worker.errors import ConfigError
from phalanx_worker.jobs import train
from phalanx_worker.model.load import load_base
from phalanx_worker.protocol.messages import (
    BestByLoss,
    ConstantSchedule,
    DatasetReference,
    HeldOutSettings,
    Optimizer,
    PreviewSettings,
    TrainJob,
)
from tests.drawing import preview_sampling, sampling
from tests.optimizers import OPTIMIZERS, PRODIGY, SCHEDULE_FREE
from tests.small import Killed, Recorder, lora_technique, train_job

LAST = "checkpoints/step-00000004"


def job_of(base: Path, dataset: DatasetReference, output: Path, optimizer: Optimizer, **changes: object) -> TrainJob:
    few = {"steps": 4, "batch_size": 1, "accumulation": 1, "checkpoint_every": 2}
    plain = {"optimizer": optimizer, "schedule": ConstantSchedule(warmup_steps=0), **few}
    return train_job(base, dataset, output, **plain | changes)


def saved(output: Path, name: str) -> dict[str, Tensor]:
    return read_tensors(output / LAST / f"{name}.safetensors")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_killed_training_goes_on_bit_by_bit(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path, name: str
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    technique = lora_technique(rank=2)
    result = train.run(job_of(base_folder, dataset, whole, OPTIMIZERS[name], technique=technique), Recorder().context)
    job = job_of(base_folder, dataset, cut, OPTIMIZERS[name], technique=technique)
    with pytest.raises(Killed):
        train.run(job, Recorder(raise_after=3).context)
    resumed = train.run(job, Recorder().context)
    assert resumed.resumed_from == 2 and resumed.sha256 == result.sha256
    for file in ("weights", "optimizer", "average"):
        first, second = saved(whole, file), saved(cut, file)
        assert first.keys() == second.keys()
        assert all(torch.equal(first[key], second[key]) for key in first), file
    lines = [[msgspec.structs.replace(line, seconds=0.0) for line in read_series(at / "series.jsonl")]
             for at in (whole, cut)]  # fmt: skip
    assert lines[0] == lines[1]
    assert all(torch.isfinite(tensor).all() for tensor in saved(whole, "weights").values())


def test_schedule_free_gives_the_average(base_folder: Path, dataset: DatasetReference, tmp_path: Path) -> None:
    result = train.run(job_of(base_folder, dataset, tmp_path, SCHEDULE_FREE, ema_decay=None), Recorder().context)
    weights, kept = saved(tmp_path, "weights"), saved(tmp_path, "optimizer")
    exported = load_base(Path(result.path))
    stored = {f"unet.{name}": tensor for name, tensor in exported.unet.state_dict().items()}
    share = SCHEDULE_FREE.beta1
    for name in stored:
        assert torch.equal(stored[name], weights[name])
        # Gradients are taken at (1 - beta1) z + beta1 x (Defazio et al., 2024); float32 has 24 bits.
        iterate, fast = kept[f"iterate.{name}"].double(), kept[f"z.{name}"].double()
        average = (iterate - (1 - share) * fast) / share
        torch.testing.assert_close(weights[name].double(), average, rtol=1e-5, atol=1e-6)
    assert any(not torch.equal(weights[name], kept[f"iterate.{name}"]) for name in stored)


def test_looking_at_a_schedule_free_training_changes_nothing(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path
) -> None:
    plain = train.run(job_of(base_folder, dataset, tmp_path / "plain", SCHEDULE_FREE), Recorder().context)
    preview = PreviewSettings(
        every=2,
        prompts=("a hand",),
        negative_prompt="",
        seeds=(1,),
        sampling=preview_sampling(sampling(steps=1)),
        control=None,
    )
    job = job_of(base_folder, dataset, tmp_path / "seen", SCHEDULE_FREE, preview=preview, checkpoint_every=1)
    held_out = HeldOutSettings(dataset=dataset, every=2, best=None)
    seen = train.run(msgspec.structs.replace(job, held_out=held_out), Recorder().context)
    assert seen.sha256 == plain.sha256


def test_the_held_out_loss_of_schedule_free_is_that_of_its_result(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path
) -> None:
    job = job_of(base_folder, dataset, tmp_path / "first", SCHEDULE_FREE, ema_decay=None)
    held_out = HeldOutSettings(dataset=dataset, every=4, best=BestByLoss(patience=None))
    told = train.run(msgspec.structs.replace(job, held_out=held_out), Recorder().context)
    # A training that begins with the result and cannot move measures it again.
    still = msgspec.structs.replace(SCHEDULE_FREE, learning_rate=1e-30, weight_decay=0.0)
    job = job_of(Path(told.path), dataset, tmp_path / "again", still, steps=1, ema_decay=None)
    again = train.run(msgspec.structs.replace(job, held_out=held_out), Recorder().context)
    assert again.held_out_loss == pytest.approx(told.held_out_loss, rel=1e-6)


def test_rates_of_blocks_are_refused_before_the_first_step(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path
) -> None:
    technique = lora_technique(unet_learning_rate=0.5)
    recorder = Recorder()
    with pytest.raises(ConfigError) as caught:
        train.run(job_of(base_folder, dataset, tmp_path, PRODIGY, technique=technique), recorder.context)
    assert caught.value.code == "one-learning-rate"
    assert not (tmp_path / "series.jsonl").exists()
