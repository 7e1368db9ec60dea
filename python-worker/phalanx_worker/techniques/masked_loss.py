"""The loss on a part of each image, and what holds the rest in place."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from phalanx_worker.model.noise_schedule import NoiseSchedule
from phalanx_worker.protocol.messages import BaseOutside, ImageOutside, Objective
from phalanx_worker.techniques.losses import Losses, SampleSum
from phalanx_worker.techniques.objective import element_losses, timestep_weights


@dataclass(frozen=True)
class MaskedPrediction:
    """What was predicted of a batch, and of which part of it."""

    prediction: Tensor
    """[n, channels, height, width], as the target."""
    target: Tensor
    timesteps: Tensor
    masks: Tensor
    """[n, 1, height, width] in [0, 1]; each shows something."""
    base_prediction: Tensor | None
    """Of the base alone; for the prior of `BaseOutside`."""


def masked_losses(
    objective: Objective, found: MaskedPrediction, schedule: NoiseSchedule, sample_weights: Tensor | None
) -> Losses:
    """sum(m e) / sum(m) + weight * sum((1 - m) d) / sum(1 - m) for each sample, and its two errors against the target.

    Both sums go over all channels and pixels, so that neither part's weight depends on its area.
    """
    factors = timestep_weights(objective, found.timesteps, schedule)
    if sample_weights is not None:
        factors = factors * sample_weights
    outside_masks = 1.0 - found.masks

    def errors(target: Tensor) -> Tensor:
        return element_losses(objective, found.prediction, target, found.timesteps, schedule)

    against_target = errors(found.target)
    on_mask = _mean_within(against_target, found.masks) * factors
    off_mask = _mean_within(against_target, outside_masks) * factors
    total = on_mask
    outside = None if objective.mask is None else objective.mask.outside
    if isinstance(outside, ImageOutside):
        total = on_mask + outside.weight * off_mask
    if isinstance(outside, BaseOutside):
        if found.base_prediction is None:
            raise ValueError("the prior needs the prediction of the base alone")
        total = on_mask + outside.weight * factors * _mean_within(errors(found.base_prediction), outside_masks)
    has_outside = outside_masks.flatten(1).any(1)
    return Losses(
        total=total.mean(),
        on_mask=_sum(on_mask, torch.ones_like(has_outside)),
        off_mask=_sum(off_mask, has_outside),
    )


def _mean_within(values: Tensor, masks: Tensor) -> Tensor:
    """[n] mean of [n, channels, height, width], weighted by [n, 1, height, width]; 0 where nothing has a weight."""
    area = masks.flatten(1).sum(1) * values.shape[1]
    return (values * masks).flatten(1).sum(1) / area.clamp(min=torch.finfo(area.dtype).tiny)


def _sum(values: Tensor, counted: Tensor) -> SampleSum:
    return SampleSum(float(values.detach()[counted].sum()), int(counted.sum()))
