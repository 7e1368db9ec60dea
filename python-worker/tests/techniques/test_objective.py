"""Noise, loss and weights of a denoising training, against published formulas written out anew."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest
import torch
from diffusers import DDPMScheduler
from diffusers.training_utils import compute_snr
from torch import Tensor

from phalanx_worker.jobs import train
from phalanx_worker.model.noise_schedule import NoiseSchedule, noise_schedule_from_config
from phalanx_worker.protocol.messages import (
    DatasetReference,
    DebiasedWeighting,
    DenoisingLoss,
    HuberLoss,
    MinSnrWeighting,
    PyramidNoise,
    SmoothL1Loss,
    TimestepWeighting,
    TrainingNoise,
)
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.objective import denoising_loss, draw_noise
from tests.small import PLAIN, Recorder, train_job

TIMESTEPS = torch.tensor([0, 40, 400, 999])
CLOSE = {"rtol": 2e-5, "atol": 1e-7}
"""Both sides compute in float32; the tables of the schedule differ in the last bits."""


def schedule(prediction: str) -> NoiseSchedule:
    config = dict(DDPMScheduler(beta_schedule="scaled_linear", prediction_type=prediction).config)
    return noise_schedule_from_config(config)


def batch(samples: range) -> Batch:
    return Batch(Streams(3), 7, tuple(samples), ("",) * len(samples), None, None, None)


def pair() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    prediction, target = (torch.randn(4, 3, 5, 5, generator=generator) for _ in range(2))
    return prediction, target


def loss_of(prediction: str, **changes: TimestepWeighting | DenoisingLoss) -> float:
    objective = msgspec.structs.replace(PLAIN, **changes)
    return float(denoising_loss(objective, *pair(), TIMESTEPS, schedule(prediction)))


def errors() -> Tensor:
    first, second = pair()
    return (first - second).square().flatten(1).mean(1)


def test_without_options_it_is_the_mean_squared_error() -> None:
    torch.testing.assert_close(loss_of("epsilon"), float(torch.nn.functional.mse_loss(*pair())), **CLOSE)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("gamma", [1.0, 5.0])
def test_min_snr_weights_are_those_of_the_diffusers_example(prediction: str, gamma: float) -> None:
    # As in examples/text_to_image/train_text_to_image.py.
    snr = compute_snr(DDPMScheduler(beta_schedule="scaled_linear"), TIMESTEPS)
    weights = torch.stack([snr, torch.full_like(snr, gamma)]).min(0).values / (snr + (prediction == "v_prediction"))
    found = loss_of(prediction, weighting=MinSnrWeighting(gamma=gamma))
    torch.testing.assert_close(found, float((weights * errors()).mean()), **CLOSE)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_debiased_weights(prediction: str) -> None:
    snr = compute_snr(DDPMScheduler(beta_schedule="scaled_linear"), TIMESTEPS).clamp(max=1000)
    weights = 1 / (snr + 1) if prediction == "v_prediction" else 1 / snr.sqrt()
    found = loss_of(prediction, weighting=DebiasedWeighting())
    torch.testing.assert_close(found, float((weights * errors()).mean()), **CLOSE)


def delta_at(kind: str, timestep: int, delta: float) -> float:
    """The turning point as sd-scripts defines it."""
    if kind == "constant":
        return delta
    if kind == "exponential":
        return math.exp(-(-math.log(delta) / 1000) * timestep)
    share = float(DDPMScheduler(beta_schedule="scaled_linear").alphas_cumprod[timestep])
    return (1 - delta) / (1 + math.sqrt((1 - share) / share)) ** 2 + delta


@pytest.mark.parametrize("kind", ["constant", "exponential", "snr"])
def test_huber_and_smooth_l1_follow_their_schedules(kind: str) -> None:
    first, second = (tensor.double().numpy() for tensor in pair())
    huber, smooth = 0.0, 0.0
    for row, timestep in enumerate(TIMESTEPS.tolist()):
        delta = delta_at(kind, timestep, 0.2)
        for one, other in zip(first[row].ravel(), second[row].ravel(), strict=True):
            turned = math.sqrt((one - other) ** 2 + delta**2) - delta
            huber += 2 * delta * turned / first.size
            smooth += 2 * turned / first.size
    torch.testing.assert_close(loss_of("epsilon", loss=HuberLoss(delta=0.2, schedule=kind)), huber, **CLOSE)
    torch.testing.assert_close(loss_of("epsilon", loss=SmoothL1Loss(delta=0.2, schedule=kind)), smooth, **CLOSE)


def noise_of(**changes: object) -> TrainingNoise:
    return msgspec.structs.replace(PLAIN.noise, **changes)


@pytest.mark.parametrize(
    "noise",
    [
        noise_of(offset=0.3),
        noise_of(offset=0.3, random_offset=True),
        noise_of(pyramid=PyramidNoise(iterations=6, discount=0.5)),
        noise_of(offset=0.1, pyramid=PyramidNoise(iterations=2, discount=0.3), perturbation=0.1),
    ],
)
def test_a_samples_noise_does_not_depend_on_its_company(noise: TrainingNoise) -> None:
    objective = msgspec.structs.replace(PLAIN, noise=noise)
    together = draw_noise(objective, batch(range(6)), (4, 9, 16))
    alone = [draw_noise(objective, batch(range(sample, sample + 1)), (4, 9, 16)) for sample in range(6)]
    assert torch.equal(together.predicted, torch.cat([one.predicted for one in alone]))
    assert torch.equal(together.added, torch.cat([one.added for one in alone]))
    assert (together.added is together.predicted) == (noise.perturbation == 0)


def test_an_offset_moves_whole_channels() -> None:
    noise = noise_of(offset=0.5)
    plain = draw_noise(PLAIN, batch(range(200)), (4, 8, 8)).predicted
    moved = draw_noise(msgspec.structs.replace(PLAIN, noise=noise), batch(range(200)), (4, 8, 8)).predicted - plain
    # One number per image and channel, of standard deviation 0.5: 800 draws know it to 2.5 %.
    assert float((moved - moved[..., :1, :1]).abs().max()) < 1e-6
    assert float(moved[..., 0, 0].std()) == pytest.approx(0.5, rel=0.1)


def test_pyramid_noise_has_unit_variance_and_more_of_it_at_low_frequencies() -> None:
    noise = noise_of(pyramid=PyramidNoise(iterations=4, discount=0.6))
    plain = draw_noise(PLAIN, batch(range(64)), (4, 16, 16)).predicted
    drawn = draw_noise(msgspec.structs.replace(PLAIN, noise=noise), batch(range(64)), (4, 16, 16)).predicted
    torch.testing.assert_close(drawn.flatten(1).std(1), torch.ones(64), rtol=1e-5, atol=1e-5)
    coarse = [torch.nn.functional.avg_pool2d(images, 8).std() for images in (plain, drawn)]
    assert coarse[1] > 2 * coarse[0]


def test_perturbation_is_added_and_not_predicted() -> None:
    noise = noise_of(perturbation=0.25)
    drawn = draw_noise(msgspec.structs.replace(PLAIN, noise=noise), batch(range(100)), (4, 8, 8))
    assert torch.equal(drawn.predicted, draw_noise(PLAIN, batch(range(100)), (4, 8, 8)).predicted)
    assert float((drawn.added - drawn.predicted).std()) == pytest.approx(0.25, rel=0.02)


def test_a_training_minimises_what_it_is_told(base_folder: Path, dataset: DatasetReference, tmp_path: Path) -> None:
    plain = train.run(train_job(base_folder, dataset, tmp_path / "plain"), Recorder().context)
    objective = msgspec.structs.replace(PLAIN, weighting=MinSnrWeighting(gamma=5.0))
    other = train.run(train_job(base_folder, dataset, tmp_path / "other", objective=objective), Recorder().context)
    assert other.sha256 != plain.sha256 and other.final_loss != plain.final_loss
