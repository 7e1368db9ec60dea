"""The unified predictor-corrector."""

from __future__ import annotations

import math

from torch import Tensor

from phalanx_worker.sampling.plan import Scales
from phalanx_worker.sampling.walk import Walk


def unipc(walk: Walk) -> Tensor:
    """UniPC (Zhao et al., 2023) of second order with B2(h) = exp(h) - 1, on predictions of the image.

    Every step but the first corrects the one before with the network's answer at its end, at no further cost. The
    first and the last step are of first order.
    """
    plan = walk.plan
    latents = walk.start()
    origin, originals = latents, list[Tensor]()
    for step, (here, end) in enumerate(zip(plan.scales, plan.ends, strict=True)):
        found = walk.estimate(latents, step).original
        if step > 0:
            latents = _corrected(origin, originals, found, plan.scales[max(0, step - 2) : step + 1])
        origin, originals = latents, [*originals[-1:], found]
        bend: Tensor | None = None
        if len(originals) == 2 and step < len(plan.ends) - 1:
            reach = _reach(plan.scales[step - 1], here) / _reach(here, end)
            bend = (originals[0] - found) / -reach / 2
        latents = walk.settled(_step(origin, found, bend, here, end), step)
    return latents


def _corrected(origin: Tensor, originals: list[Tensor], found: Tensor, scales: tuple[Scales, ...]) -> Tensor:
    """The step from the last but one of `scales` to the last, done again now that its end is `found`."""
    here, end = scales[-2:]
    width = _reach(here, end)
    newest = found - originals[-1]
    if len(originals) == 1:
        return _step(origin, originals[-1], newest / 2, here, end)
    # The two weights that make the step exact for images that change linearly and quadratically with h.
    back = -_reach(scales[0], here) / width
    falling = math.expm1(-width)
    once = falling / -width - 1
    twice = once / -width - 0.5
    linear, quadratic = once / falling, 2 * twice / falling
    older = (linear - quadratic) / (1 - back)
    slope = (originals[0] - originals[1]) / back
    return _step(origin, originals[-1], older * slope + (linear - older) * newest, here, end)


def _step(origin: Tensor, original: Tensor, bend: Tensor | None, here: Scales, end: Scales) -> Tensor:
    falling = end.ratio / here.ratio - 1
    towards = original if bend is None else original + bend
    return end.noise / here.noise * origin - end.signal * falling * towards


def _reach(here: Scales, end: Scales) -> float:
    """h: how far half the log of the signal-to-noise ratio rises."""
    return math.log(here.ratio / end.ratio)
