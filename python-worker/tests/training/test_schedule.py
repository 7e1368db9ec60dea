"""Schedules against diffusers and torch."""

from __future__ import annotations

import pytest
import torch
from diffusers.optimization import get_polynomial_decay_schedule_with_warmup, get_scheduler
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from phalanx_worker.protocol.messages import (
    ConstantSchedule,
    CosineRestartsSchedule,
    CosineSchedule,
    LinearSchedule,
    OneCycleSchedule,
    PolynomialSchedule,
    Schedule,
)
from phalanx_worker.training.schedule import rate_factor

STEPS = 23


def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)


def assert_equal(schedule: Schedule, reference: LRScheduler, steps: int = STEPS) -> None:
    for step in range(1, steps + 1):
        assert rate_factor(schedule, step, steps) == pytest.approx(reference.get_last_lr()[0], abs=1e-12), step
        reference.optimizer.step()
        if step < steps:
            reference.step()


@pytest.mark.parametrize("warmup", [0, 3])
@pytest.mark.parametrize(
    ("schedule", "name"),
    [(ConstantSchedule, "constant_with_warmup"), (LinearSchedule, "linear"), (CosineSchedule, "cosine")],
)
def test_rates_equal_those_of_diffusers(
    schedule: type[ConstantSchedule | LinearSchedule | CosineSchedule], name: str, warmup: int
) -> None:
    reference = get_scheduler(name, optimizer(), num_warmup_steps=warmup, num_training_steps=STEPS)
    assert_equal(schedule(warmup_steps=warmup), reference)


@pytest.mark.parametrize("cycles", [1, 3])
def test_restarts_equal_those_of_diffusers(cycles: int) -> None:
    reference = get_scheduler(
        "cosine_with_restarts", optimizer(), num_warmup_steps=2, num_training_steps=STEPS, num_cycles=cycles
    )
    assert_equal(CosineRestartsSchedule(warmup_steps=2, cycles=cycles), reference)


@pytest.mark.parametrize(("power", "end"), [(1.0, 0.0), (2.5, 0.1)])
def test_polynomials_equal_those_of_diffusers(power: float, end: float) -> None:
    reference = get_polynomial_decay_schedule_with_warmup(optimizer(), 2, STEPS, lr_end=end, power=power)
    assert_equal(PolynomialSchedule(warmup_steps=2, power=power, end_factor=end), reference)


@pytest.mark.parametrize("steps", [4, 10, STEPS])
@pytest.mark.parametrize(("rise", "start", "end"), [(0.3, 0.04, 4e-6), (0.5, 0.5, 0.25)])
def test_one_cycle_equals_that_of_torch(rise: float, start: float, end: float, steps: int) -> None:
    reference = OneCycleLR(
        optimizer(), 1.0, total_steps=steps, pct_start=rise, div_factor=1 / start, final_div_factor=start / end
    )
    assert_equal(OneCycleSchedule(rise_share=rise, start_factor=start, end_factor=end), reference, steps)


@given(
    steps=st.integers(1, 60),
    rise=st.floats(0.001, 0.999),
    start=st.floats(0.001, 1),
    end=st.floats(0, 1),
    power=st.floats(0.1, 10),
    cycles=st.integers(1, 9),
    warmup=st.integers(0, 80),
)
def test_any_schedule_stays_between_nothing_and_the_rate(
    steps: int, rise: float, start: float, end: float, power: float, cycles: int, warmup: int
) -> None:
    schedules: list[Schedule] = [
        OneCycleSchedule(rise_share=rise, start_factor=start, end_factor=end),
        PolynomialSchedule(warmup_steps=warmup, power=power, end_factor=min(end, 0.99)),
        CosineRestartsSchedule(warmup_steps=warmup, cycles=cycles),
    ]
    for schedule in schedules:
        assert all(0 <= rate_factor(schedule, step, steps) <= 1 + 1e-12 for step in range(1, steps + 1))
