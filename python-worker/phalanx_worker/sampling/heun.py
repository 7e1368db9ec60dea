"""Heun's method."""

from __future__ import annotations

from torch import Tensor

from phalanx_worker.sampling.walk import Walk


def heun(walk: Walk) -> Tensor:
    """The second-order method of Karras et al. (2022), algorithm 1 without churn; the last step is Euler's.

    Asks the network twice in every step but the last.
    """
    latents = walk.start()
    plan = walk.plan
    last = len(plan.ends) - 1
    for step, (here, end) in enumerate(zip(plan.scales, plan.ends, strict=True)):
        found = walk.estimate(latents, step)
        descent = end.signal * (end.ratio - here.ratio)
        carried = latents * (end.signal / here.signal)
        trial = walk.settled(carried + descent * found.noise, step)
        if step == last:
            return trial
        corrected = walk.estimate(trial, step + 1)
        latents = walk.settled(carried + descent * (found.noise + corrected.noise) / 2, step)
    return latents
