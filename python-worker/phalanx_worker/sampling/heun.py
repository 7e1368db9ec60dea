"""Heun's method."""

from __future__ import annotations

from torch import Tensor

from phalanx_worker.sampling.plan import SamplingPlan
from phalanx_worker.sampling.walk import Walk


def heun(walk: Walk) -> Tensor:
    """The second-order method of Karras et al. (2022), algorithm 1 without churn; the last step is Euler's.

    So is a first step from a signal of 0, whose correction would be weighted with an infinite noise level.
    """
    latents = walk.start()
    plan = walk.plan
    for step, (here, end) in enumerate(zip(plan.scales, plan.ends, strict=True)):
        found = walk.estimate(latents, step)
        trial = end.signal * found.original + end.noise * found.noise
        latents = walk.settled(trial, step)
        if is_corrected(plan, step):
            bend = walk.estimate(latents, step + 1).noise - found.noise
            latents = walk.settled(trial + end.signal * (end.ratio - here.ratio) / 2 * bend, step)
    return latents


def is_corrected(plan: SamplingPlan, step: int) -> bool:
    """Whether the network is asked a second time."""
    return step < len(plan.ends) - 1 and not plan.scales[step].is_noise


def heun_predictions(plan: SamplingPlan) -> int:
    """How often the network is asked in a whole plan."""
    return sum(1 + is_corrected(plan, step) for step in range(len(plan.ends)))
