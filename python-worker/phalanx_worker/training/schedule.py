"""Learning-rate schedules, equal to those of `diffusers.optimization` and `torch.optim.lr_scheduler`."""

from __future__ import annotations

import math
from typing import assert_never

from phalanx_worker.protocol.messages import (
    ConstantSchedule,
    CosineRestartsSchedule,
    CosineSchedule,
    LinearSchedule,
    OneCycleSchedule,
    PolynomialSchedule,
    Schedule,
)


def rate_factor(schedule: Schedule, step: int, steps: int) -> float:
    """What multiplies the learning rate in the 1-based `step` of `steps`.

    A warm-up rises linearly from 0 in the first step; the curve's last value would belong to the step after the last.
    """
    done = step - 1
    if isinstance(schedule, OneCycleSchedule):
        return _one_cycle(schedule, done, steps)
    if done < schedule.warmup_steps:
        return done / schedule.warmup_steps
    share = (done - schedule.warmup_steps) / max(1, steps - schedule.warmup_steps)
    if isinstance(schedule, ConstantSchedule):
        return 1.0
    if isinstance(schedule, LinearSchedule):
        return max(0.0, 1.0 - share)
    if isinstance(schedule, CosineSchedule):
        return _between(1.0, 0.0, share)
    if isinstance(schedule, CosineRestartsSchedule):
        return _between(1.0, 0.0, schedule.cycles * share % 1.0)
    if isinstance(schedule, PolynomialSchedule):
        return float((1.0 - schedule.end_factor) * (1.0 - share) ** schedule.power + schedule.end_factor)
    assert_never(schedule)


def _one_cycle(schedule: OneCycleSchedule, done: int, steps: int) -> float:
    top, end = schedule.rise_share * steps - 1.0, steps - 1.0
    if done <= top and top > 0:
        return _between(schedule.start_factor, 1.0, done / top)
    # With so few steps that none goes up, the first one is at the top.
    began = max(top, 0.0)
    return _between(1.0, schedule.end_factor, (done - began) / (end - began)) if end > began else 1.0


def _between(start: float, end: float, share: float) -> float:
    """Half a cosine from `start` to `end`."""
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * share))
