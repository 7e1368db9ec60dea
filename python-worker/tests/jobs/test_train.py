"""Training jobs end to end, on a small random base."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest
import torch

from phalanx_worker.artefacts import tensors as tensor_files
from phalanx_worker.artefacts.series import read_series
from phalanx_worker.artefacts.tensors import read_tensors
from phalanx_worker.errors import ArtefactError, JobError
from phalanx_worker.jobs import train
from phalanx_worker.jobs.context import JobCancelled
from phalanx_worker.model.load import load_base
from phalanx_worker.protocol.messages import (
    AutoencoderTechnique,
    CheckpointEndEvent,
    DatasetReference,
    FullTechnique,
    ImageEndEvent,
    LogEvent,
    PreviewSettings,
    StepEndEvent,
)
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.denoising import DenoisingTechnique
from phalanx_worker.techniques.losses import Losses
from tests.drawing import preview_sampling, sampling
from tests.small import Killed, Recorder, full_technique, train_job

LAST = "checkpoints/step-00000008"


def losses(output: Path) -> list[float]:
    return [line.loss for line in read_series(output / "series.jsonl")]


def same_training(left: Path, right: Path) -> None:
    """Weights, optimizer, moving average, loss series and result agree bit by bit."""
    for name in ("weights", "optimizer", "average"):
        first, second = (read_tensors(folder / LAST / f"{name}.safetensors") for folder in (left, right))
        assert first.keys() == second.keys()
        assert all(torch.equal(first[key], second[key]) for key in first), name
    assert losses(left) == losses(right)
    assert load_base(left / "result").sha256 == load_base(right / "result").sha256


@pytest.fixture(scope="module")
def whole(base_folder: Path, dataset: DatasetReference, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that was never interrupted."""
    output = tmp_path_factory.mktemp("whole") / "run"
    train.run(train_job(base_folder, dataset, output), Recorder().context)
    return output


def test_it_learns_and_tells(base_folder: Path, dataset: DatasetReference, tmp_path: Path) -> None:
    recorder = Recorder()
    before = load_base(base_folder).sha256
    result = train.run(train_job(base_folder, dataset, tmp_path / "run"), recorder.context)
    steps = [event for event in recorder.events if isinstance(event, StepEndEvent)]
    checkpoints = [event.step for event in recorder.events if isinstance(event, CheckpointEndEvent)]
    assert [event.step for event in steps] == list(range(1, 9))
    assert checkpoints == [3, 6, 8]
    assert sorted(path.name for path in (tmp_path / "run/checkpoints").iterdir()) == ["step-00000006", "step-00000008"]
    assert result.kind == "base" and result.sha256 != before
    assert result.sha256 == load_base(Path(result.path)).sha256
    assert result.trained_parameters == sum(
        tensor.numel() for tensor in read_tensors(tmp_path / "run" / LAST / "weights.safetensors").values()
    )
    assert result.final_loss == losses(tmp_path / "run")[-1]


@pytest.mark.parametrize("after", [1, 3, 4, 7])
def test_a_killed_training_goes_on_bit_by_bit(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path, whole: Path, after: int
) -> None:
    job = train_job(base_folder, dataset, tmp_path / "run")
    with pytest.raises(Killed):
        train.run(job, Recorder(raise_after=after).context)
    result = train.run(job, Recorder().context)
    # Step 3 is told before its checkpoint is written, so that a kill in between goes back to the one before.
    assert result.resumed_from == (after - 1) // 3 * 3
    same_training(tmp_path / "run", whole)


def test_a_cancelled_training_leaves_a_checkpoint(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path, whole: Path
) -> None:
    job = train_job(base_folder, dataset, tmp_path / "run")
    with pytest.raises(JobCancelled) as caught:
        train.run(job, Recorder(stop_after=4).context)
    assert caught.value.checkpoint == str(tmp_path / "run/checkpoints/step-00000004")
    # The latents are computed anew, too: what was cached has no influence.
    shutil.rmtree(tmp_path / "run/latents")
    assert train.run(job, Recorder().context).resumed_from == 4
    same_training(tmp_path / "run", whole)


@pytest.mark.parametrize("file", ["weights", "optimizer", "average"])
def test_dying_while_a_checkpoint_is_written(
    base_folder: Path,
    dataset: DatasetReference,
    tmp_path: Path,
    whole: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
) -> None:
    job = train_job(base_folder, dataset, tmp_path / "run")
    real = tensor_files.save_file

    def dying(tensors: object, path: Path, metadata: object) -> None:
        if "step-00000006" in str(path) and path.name == f"{file}.safetensors":
            path.write_bytes(b"half")
            raise Killed
        real(tensors, path, metadata)

    with monkeypatch.context() as patch:
        patch.setattr(tensor_files, "save_file", dying)
        # A kill runs no clean-up either.
        patch.setattr("phalanx_worker.artefacts.atomic.shutil.rmtree", lambda *_, **__: None)
        with pytest.raises(Killed):
            train.run(job, Recorder().context)
    assert (tmp_path / "run/checkpoints/.incomplete-step-00000006").exists()
    assert train.run(job, Recorder().context).resumed_from == 3
    same_training(tmp_path / "run", whole)


def test_a_broken_checkpoint_is_passed_over(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path, whole: Path
) -> None:
    job = train_job(base_folder, dataset, tmp_path / "run")
    with pytest.raises(Killed):
        train.run(job, Recorder(raise_after=7).context)
    broken = tmp_path / "run/checkpoints/step-00000006/optimizer.safetensors"
    broken.write_bytes(broken.read_bytes()[:-1])
    recorder = Recorder()
    assert train.run(job, recorder.context).resumed_from == 3
    warnings = [event.text for event in recorder.events if isinstance(event, LogEvent)]
    assert len(warnings) == 1 and "step-00000006" in warnings[0]
    same_training(tmp_path / "run", whole)


def test_batch_size_and_accumulation_change_rounding_only(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path, whole: Path
) -> None:
    train.run(train_job(base_folder, dataset, tmp_path / "run", batch_size=4, accumulation=1), Recorder().context)
    # Both sum the same samples in another order; float32 has 24 bits.
    assert losses(tmp_path / "run") == pytest.approx(losses(whole), rel=1e-4)


def test_a_finished_training_is_returned_at_once(base_folder: Path, dataset: DatasetReference, whole: Path) -> None:
    recorder = Recorder()
    result = train.run(train_job(base_folder, dataset, whole, checkpoint_every=5), recorder.context)
    assert not [event for event in recorder.events if isinstance(event, StepEndEvent)]
    assert result.steps == 8


def test_other_settings_are_refused(base_folder: Path, dataset: DatasetReference, tmp_path: Path, whole: Path) -> None:
    with pytest.raises(ArtefactError) as caught:
        train.run(train_job(base_folder, dataset, whole, seed=6), Recorder().context)
    assert caught.value.code == "config-changed"
    job = train_job(base_folder, dataset, tmp_path / "run")
    with pytest.raises(Killed):
        train.run(job, Recorder(raise_after=4).context)
    with pytest.raises(ArtefactError) as caught:
        train.run(train_job(base_folder, dataset, tmp_path / "run", seed=6), Recorder().context)
    assert caught.value.code == "config-changed"


def test_a_full_disk_leaves_the_old_checkpoint(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = train_job(base_folder, dataset, tmp_path / "run")
    real = tensor_files.save_file

    def full(tensors: object, path: Path, metadata: object) -> None:
        if "step-00000006" in str(path) and path.name == "average.safetensors":
            raise OSError(28, "No space left on device")
        real(tensors, path, metadata)

    with monkeypatch.context() as patch:
        patch.setattr(tensor_files, "save_file", full)
        with pytest.raises(ArtefactError) as caught:
            train.run(job, Recorder().context)
    assert caught.value.code == "disk-full" and caught.value.retryable
    assert [path.name for path in (tmp_path / "run/checkpoints").iterdir()] == ["step-00000003"]
    assert train.run(job, Recorder().context).resumed_from == 3
    same_training(tmp_path / "run", whole)


def test_a_loss_that_is_no_number_stops_before_harm(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = DenoisingTechnique.losses

    def losses_of_no_number(self: DenoisingTechnique, batch: Batch) -> Losses:
        return Losses(real(self, batch).total * (float("nan") if batch.step == 5 else 1.0))

    monkeypatch.setattr(DenoisingTechnique, "losses", losses_of_no_number)
    recorder = Recorder()
    with pytest.raises(JobError) as caught:
        train.run(train_job(base_folder, dataset, tmp_path / "run"), recorder.context)
    checkpoint = tmp_path / "run/checkpoints/step-00000003"
    assert caught.value.code == "loss-not-finite"
    assert caught.value.facts["step"] == 5 and caught.value.facts["checkpoint"] == str(checkpoint)
    assert str(checkpoint) in str(caught.value) and checkpoint.is_dir()
    assert losses(tmp_path / "run") and len(losses(tmp_path / "run")) == 4


@pytest.mark.parametrize(
    "technique",
    [
        full_technique(parts=("unet",)),
        full_technique(parts=("text-encoder",)),
        AutoencoderTechnique(kl_weight=1e-4, gradient_weight=1.0, crop=16),
    ],
)
def test_the_warm_base_is_left_bit_identical(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path, technique: FullTechnique | AutoencoderTechnique
) -> None:
    recorder = Recorder()
    job = train_job(base_folder, dataset, tmp_path / "run", technique=technique, steps=2, accumulation=1)
    result = train.run(job, recorder.context)
    (warm,) = (value for key, value in recorder.context.warm.items() if key.startswith("base:"))
    fresh = load_base(base_folder)
    assert result.sha256 != fresh.sha256
    for part, module in fresh.parts.items():
        other = warm.parts[part].state_dict()
        assert all(torch.equal(tensor, other[name]) for name, tensor in module.state_dict().items())
        assert not any(item.requires_grad or item.grad is not None for item in warm.parts[part].parameters())
    assert warm.autoencoder.config.scaling_factor == fresh.autoencoder.config.scaling_factor


def test_an_autoencoder_scales_latents_to_unit_variance(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path
) -> None:
    technique = AutoencoderTechnique(kl_weight=1e-4, gradient_weight=1.0, crop=None)
    job = train_job(base_folder, dataset, tmp_path / "run", technique=technique, steps=3)
    trained = load_base(Path(train.run(job, Recorder().context).path))
    images = torch.stack([torch.from_numpy(_pixels(Path(dataset.root) / f"{index}.png")) for index in range(7)])
    with torch.no_grad():
        posterior = trained.autoencoder.encode(images).latent_dist
    generator = torch.Generator().manual_seed(0)
    draws = torch.cat([posterior.sample(generator) for _ in range(200)]) * trained.autoencoder.config.scaling_factor
    # 7 images of 256 latent values, drawn 200 times: the spread of the estimate is far below one per cent.
    assert float(draws.std()) == pytest.approx(1.0, rel=0.01)


def test_bfloat16_trains_close_to_float32(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path, whole: Path
) -> None:
    train.run(train_job(base_folder, dataset, tmp_path / "run", precision="bfloat16"), Recorder().context)
    # bfloat16 has 8 bits of precision, and a loss averages many roundings.
    assert losses(tmp_path / "run") == pytest.approx(losses(whole), rel=2e-2)
    assert losses(tmp_path / "run") != losses(whole)


def test_previews_are_told_written_and_without_influence(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path, whole: Path
) -> None:
    settings = preview_sampling(sampling(steps=2, guidance=2.0, batch_size=2))
    preview = PreviewSettings(
        every=4, prompts=("a hand", "a fist"), negative_prompt="", seeds=(1, 2), sampling=settings, control=None
    )
    recorder = Recorder()
    train.run(train_job(base_folder, dataset, tmp_path / "run", preview=preview), recorder.context)
    told = [(event.step, event.prompt, event.seed) for event in recorder.events if isinstance(event, ImageEndEvent)]
    assert told == [(step, prompt, seed) for step in (4, 8) for prompt in ("a hand", "a fist") for seed in (1, 2)]
    assert len(list((tmp_path / "run/previews/step-00000008").glob("*.png"))) == 4
    same_training(tmp_path / "run", whole)


def test_the_series_is_readable_json(whole: Path) -> None:
    lines = [json.loads(line) for line in (whole / "series.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 9))
    assert set(lines[0]) == {
        "step",
        "loss",
        "learningRate",
        "gradientNorm",
        "seconds",
        "heldOutLoss",
        "onMaskLoss",
        "offMaskLoss",
        "metric",
    }
    assert msgspec.json.decode((whole / "result.json").read_bytes())["result"]["type"] == "train"


def _pixels(path: Path):  # type: ignore[no-untyped-def]
    import numpy as np
    from PIL import Image

    return np.asarray(Image.open(path), dtype=np.float32).transpose(2, 0, 1) / 127.5 - 1.0
