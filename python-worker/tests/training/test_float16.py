"""Trainings in float16: scaled losses, skipped steps, and devices that cannot."""

from __future__ import annotations

import warnings
from pathlib import Path

import msgspec
import pytest
import torch
from torch import Tensor, nn

from phalanx_worker.artefacts.series import SeriesLine, read_series
from phalanx_worker.artefacts.tensors import read_tensors
from phalanx_worker.errors import ConfigError, JobError
from phalanx_worker.jobs import train
from phalanx_worker.protocol.messages import DatasetReference, StepEndEvent, StepSkipEvent, TrainJob
from phalanx_worker.techniques.denoising import DenoisingTechnique
from phalanx_worker.techniques.losses import Losses
from phalanx_worker.techniques.technique import ParameterGroup
from phalanx_worker.training.optimizer import Optimizer
from phalanx_worker.training.precision import check_precision
from phalanx_worker.training.scaler import MOST_IN_A_ROW, Scaler
from tests.optimizers import LION
from tests.small import Killed, Recorder, lora_technique, train_job


def job_of(base: Path, dataset: DatasetReference, output: Path, steps: int = 6, **changes: object) -> TrainJob:
    few = {"batch_size": 1, "accumulation": 1, "checkpoint_every": 1, "checkpoints_kept": 10}
    technique = lora_technique(rank=2, parts=("unet",))
    return train_job(
        base, dataset, output, **few | {"technique": technique, "steps": steps, "precision": "float16"} | changes
    )


def overflow_in(monkeypatch: pytest.MonkeyPatch, *steps: int, also_the_loss: bool = False) -> None:
    """Let the gradients of some steps, and perhaps their loss, be infinite."""
    real = DenoisingTechnique.losses

    def losses(self: DenoisingTechnique, batch: object) -> Losses:
        return Losses(changed(real(self, batch).total, batch))  # type: ignore[arg-type]

    def changed(found: Tensor, batch: object) -> Tensor:
        if batch.step not in steps:  # type: ignore[attr-defined]
            return found
        if also_the_loss:
            return found * float("inf")
        assert found.isfinite()
        passed = found * 1.0
        if passed.requires_grad:
            passed.register_hook(lambda gradient: gradient * float("inf"))
        return passed

    monkeypatch.setattr(DenoisingTechnique, "losses", losses)


def lines(output: Path) -> list[SeriesLine]:
    return [msgspec.structs.replace(line, seconds=0.0) for line in read_series(output / "series.jsonl")]


def weights(output: Path, step: int) -> dict[str, Tensor]:
    return read_tensors(output / f"checkpoints/step-{step:08d}/weights.safetensors")


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


def test_it_learns_like_float32(base_folder: Path, dataset: DatasetReference, tmp_path: Path) -> None:
    losses = []
    for precision in ("float32", "float16"):
        result = train.run(job_of(base_folder, dataset, tmp_path / precision, precision=precision), Recorder().context)
        assert result.skipped_steps == 0
        losses.append([line.loss for line in lines(tmp_path / precision)])
    # float16 has 11 bits, and a loss averages many roundings.
    assert losses[1] == pytest.approx(losses[0], rel=5e-3)
    assert losses[1] != losses[0]


@pytest.mark.parametrize("also_the_loss", [False, True])
def test_a_step_that_overflows_is_skipped_and_told(
    base_folder: Path,
    dataset: DatasetReference,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    also_the_loss: bool,
) -> None:
    overflow_in(monkeypatch, 2, 3, also_the_loss=also_the_loss)
    recorder = Recorder()
    result = train.run(job_of(base_folder, dataset, tmp_path), recorder.context)
    skips = [event for event in recorder.events if isinstance(event, StepSkipEvent)]
    assert [(skip.step, skip.total, skip.scale, skip.skipped) for skip in skips] == [
        (2, 6, 32768.0, 1),
        (3, 6, 16384.0, 2),
    ]
    assert [event.step for event in recorder.events if isinstance(event, StepEndEvent)] == [1, 4, 5, 6]
    assert result.skipped_steps == 2 and result.steps == 6
    assert [line.loss is None for line in lines(tmp_path)] == [False, True, True, False, False, False]
    assert same(weights(tmp_path, 1), weights(tmp_path, 3))
    assert not same(weights(tmp_path, 3), weights(tmp_path, 4))


def test_a_killed_training_goes_on_bit_by_bit(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overflow_in(monkeypatch, 2, 5)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    result = train.run(job_of(base_folder, dataset, whole), Recorder().context)
    with pytest.raises(Killed):
        train.run(job_of(base_folder, dataset, cut), Recorder(raise_after=4).context)
    resumed = train.run(job_of(base_folder, dataset, cut), Recorder().context)
    assert resumed.resumed_from == 3
    assert resumed.sha256 == result.sha256 and resumed.skipped_steps == result.skipped_steps == 2
    assert lines(cut) == lines(whole)
    for file in ("optimizer", "average", "scaler"):
        first, second = (read_tensors(at / f"checkpoints/step-00000006/{file}.safetensors") for at in (whole, cut))
        assert same(first, second), file


def test_too_many_skips_in_a_row_stop_it(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overflow_in(monkeypatch, *range(2, 100))
    with pytest.raises(JobError) as caught:
        train.run(job_of(base_folder, dataset, tmp_path, steps=90, checkpoints_kept=1), Recorder().context)
    assert caught.value.code == "loss-not-finite"
    assert caught.value.facts["step"] == 2 + MOST_IN_A_ROW
    assert caught.value.facts["skipped_in_a_row"] == MOST_IN_A_ROW + 1
    assert Path(str(caught.value.facts["checkpoint"])).is_dir()


def test_a_training_that_took_no_step_is_an_error(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overflow_in(monkeypatch, 1, 2)
    with pytest.raises(JobError) as caught:
        train.run(job_of(base_folder, dataset, tmp_path, steps=2), Recorder().context)
    assert caught.value.code == "loss-not-finite"


def test_a_plain_loop_with_a_scaler_does_the_same() -> None:
    ours, theirs = nn.Parameter(torch.ones(4)), nn.Parameter(torch.ones(4))
    optimizer, scaler = Optimizer(LION, [ParameterGroup({"a": ours}, None)]), Scaler(torch.device("cpu"))
    from lion_pytorch import Lion

    plain = Lion([theirs], lr=LION.learning_rate, betas=(LION.beta1, LION.beta2), weight_decay=LION.weight_decay)
    reference = torch.amp.GradScaler("cpu")
    for step in range(8):
        factor = torch.tensor([1.0, -0.5, 0.25, 2.0 if step not in (0, 1, 5) else float("inf")])
        (gradient,) = torch.autograd.grad((ours * factor).sum() * scaler.scale(), [ours])
        ours.grad = gradient
        scaler.unscale(optimizer)
        taken = bool(torch.isfinite(torch.tensor(optimizer.clip())))
        if taken:
            optimizer.step(1.0)
        scaler.update(taken)
        theirs.grad = None
        reference.scale((theirs * factor).sum()).backward()
        reference.unscale_(plain)
        nn.utils.clip_grad_norm_([theirs], 1.0)
        reference.step(plain)
        reference.update()
        assert torch.equal(ours, theirs)
        assert float(scaler.scale()) == reference.get_scale()
    assert (scaler.skipped, scaler.in_a_row) == (3, 0)


def test_a_device_that_cannot_is_refused() -> None:
    check_precision(torch.device("cpu"), "float16")
    check_precision(torch.device("meta"), "float32")
    with pytest.raises(ConfigError) as caught:
        check_precision(torch.device("meta"), "float16")
    assert caught.value.code == "precision-unsupported"
    assert caught.value.facts == {"device": "meta", "precision": "float16"}


def test_a_device_that_only_warns_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # What torch does where it does not know the type: a warning, and float32 in its place.
    real = torch.autocast
    monkeypatch.setattr(torch, "autocast", lambda kind, _, enabled: real(kind, torch.float64, enabled=enabled))
    with warnings.catch_warnings(), pytest.raises(ConfigError) as caught:
        warnings.simplefilter("ignore")
        check_precision(torch.device("cpu"), "float16")
    assert "float32" in str(caught.value)
