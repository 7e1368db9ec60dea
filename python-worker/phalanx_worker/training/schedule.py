"""Learning-rate schedules, equal to those of `diffusers.optimization`."""

from __future__ import annotations

import math

from phalanx_worker.protocol.messages import Schedule


def rate_factor(schedule: Schedule, step: int, steps: int) -> float:
    """What multiplies the learning rate in the 1-based `step` of `steps`.

    The warm-up rises linearly from 0 in the first step; then 1, or a line or half a cosine down to 0 after the last.
    """
    done = step - 1
    warmup = schedule.warmup_steps
    if done < warmup:
        return done / warmup
    share = (done - warmup) / max(1, steps - warmup)
    if schedule.type == "linear":
        return max(0.0, 1.0 - share)
    if schedule.type == "cosine":
        return max(0.0, 0.5 * (1.0 + math.cos(math.pi * share)))
    return 1.0
