"""DPM-Solver++ of second order with several steps."""

from __future__ import annotations

import math

from torch import Tensor

from phalanx_worker.sampling.walk import Walk


def dpmpp_2m(walk: Walk) -> Tensor:
    """DPM-Solver++(2M) (Lu et al., 2023, algorithm 2); the first and the last step are of first order."""
    latents = walk.start()
    plan = walk.plan
    before: Tensor | None = None
    last = len(plan.ends) - 1
    for step, (here, end) in enumerate(zip(plan.scales, plan.ends, strict=True)):
        original = walk.estimate(latents, step).original
        towards = original
        if before is not None and step < last:
            width, former = math.log(here.ratio / end.ratio), math.log(plan.scales[step - 1].ratio / here.ratio)
            towards = original + (width / former / 2) * (original - before)
        # exp(-h), h being the step in half the log of the signal-to-noise ratio.
        shrunk = end.ratio / here.ratio
        latents = walk.settled(end.noise / here.noise * latents + end.signal * (1 - shrunk) * towards, step)
        before = original
    return latents
