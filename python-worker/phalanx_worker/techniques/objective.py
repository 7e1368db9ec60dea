"""What a denoising training minimises: noise, loss and the weight of each timestep."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import assert_never

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor

from phalanx_worker.model.noise_schedule import NoiseSchedule
from phalanx_worker.protocol.messages import (
    DebiasedWeighting,
    HuberLoss,
    MinSnrWeighting,
    Objective,
    PyramidNoise,
    SmoothL1Loss,
    SquaredLoss,
    UniformWeighting,
)
from phalanx_worker.techniques.batch import Batch

LARGEST_SNR = 1000.0
"""Where debiased weights stop falling, as in sd-scripts."""


@dataclass(frozen=True)
class Noise:
    """Noise of one batch, both [n, channels, height, width]."""

    predicted: Tensor
    """What the network is to find."""
    added: Tensor
    """What is added to the latents; the same unless the input is perturbed."""


def draw_noise(objective: Objective, batch: Batch, shape: tuple[int, ...]) -> Noise:
    """Noise for every sample, which depends on the sample alone, not on the batch it is in."""
    settings = objective.noise
    noise = batch.normal("noise", shape)
    if settings.pyramid is not None:
        noise = _pyramid(noise, settings.pyramid, batch)
    if settings.offset > 0:
        strength = torch.full((len(batch), 1, 1, 1), settings.offset)
        if settings.random_offset:
            strength = strength * batch.uniform("noise-offset-strength").view(-1, 1, 1, 1)
        noise = noise + strength * batch.normal("noise-offset", (shape[0], 1, 1))
    if settings.perturbation == 0:
        return Noise(noise, noise)
    return Noise(noise, noise + settings.perturbation * batch.normal("noise-perturbation", shape))


def denoising_loss(
    objective: Objective,
    prediction: Tensor,
    target: Tensor,
    timesteps: Tensor,
    schedule: NoiseSchedule,
    sample_weights: Tensor | None = None,
) -> Tensor:
    """Mean over samples [n, ...] of the mean loss over each one's elements, times its weights [n]."""
    each = element_losses(objective, prediction, target, timesteps, schedule).flatten(1).mean(1)
    weighted = each * timestep_weights(objective, timesteps, schedule)
    return weighted.mean() if sample_weights is None else (weighted * sample_weights).mean()


def element_losses(
    objective: Objective, prediction: Tensor, target: Tensor, timesteps: Tensor, schedule: NoiseSchedule
) -> Tensor:
    """How far prediction and target are apart, element by element."""
    loss = objective.loss
    squares = (prediction - target).square()
    if isinstance(loss, SquaredLoss):
        return squares
    signal = schedule.alphas_cumprod.to(prediction.device)[timesteps]
    delta = _delta(loss, timesteps, signal, schedule.steps).view(-1, *[1] * (squares.ndim - 1))
    # Pseudo-Huber: like squares / delta near 0, like twice the absolute error far away.
    beyond = 2.0 * ((squares + delta.square()).sqrt() - delta)
    return beyond * delta if isinstance(loss, HuberLoss) else beyond


def timestep_weights(objective: Objective, timesteps: Tensor, schedule: NoiseSchedule) -> Tensor:
    """[n] by how much each sample's timestep counts."""
    signal = schedule.alphas_cumprod.to(timesteps.device)[timesteps]
    weighting = objective.weighting
    snr = signal / (1.0 - signal)
    velocity = schedule.prediction == "v_prediction"
    if isinstance(weighting, UniformWeighting):
        return torch.ones_like(snr)
    if isinstance(weighting, MinSnrWeighting):
        return snr.clamp(max=weighting.gamma) / (snr + 1.0 if velocity else snr)
    if isinstance(weighting, DebiasedWeighting):
        limited = snr.clamp(max=LARGEST_SNR)
        return 1.0 / (limited + 1.0) if velocity else limited.rsqrt()
    assert_never(weighting)


def _pyramid(noise: Tensor, settings: PyramidNoise, batch: Batch) -> Tensor:
    """Multi-resolution noise (Whitaker, 2023), each image brought back to unit variance by itself."""
    height, width = noise.shape[-2:]
    images = []
    for row, sample in enumerate(batch.samples):
        image = noise[row].clone()
        factors = batch.streams.generator("pyramid-factor", batch.step, sample).uniform(2, 4, settings.iterations)
        for level, factor in enumerate(np.cumprod(factors), start=1):
            small = (image.shape[0], max(1, int(height / factor)), max(1, int(width / factor)))
            coarse = torch.from_numpy(batch.streams.normal(f"pyramid-{level}", small, batch.step, sample))
            enlarged = functional.interpolate(coarse[None], (height, width), mode="bilinear")[0]
            image += settings.discount**level * enlarged
            if 1 in small[1:]:
                break
        images.append(image / image.std())
    return torch.stack(images)


def _delta(loss: HuberLoss | SmoothL1Loss, timesteps: Tensor, signal: Tensor, steps: int) -> Tensor:
    if loss.schedule == "constant":
        return torch.full_like(signal, loss.delta)
    if loss.schedule == "exponential":
        return torch.exp(math.log(loss.delta) * timesteps.to(signal) / steps)
    if loss.schedule == "snr":
        sigma = ((1.0 - signal) / signal).sqrt()
        return (1.0 - loss.delta) / (1.0 + sigma).square() + loss.delta
    assert_never(loss.schedule)
