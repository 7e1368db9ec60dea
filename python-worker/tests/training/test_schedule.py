"""Schedules against diffusers."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from diffusers.optimization import get_scheduler

from phalanx_worker.protocol.messages import Schedule
from phalanx_worker.training.schedule import rate_factor


@pytest.mark.parametrize("warmup", [0, 3])
@pytest.mark.parametrize("kind", ["constant", "linear", "cosine"])
def test_rates_equal_those_of_diffusers(kind: Literal["constant", "linear", "cosine"], warmup: int) -> None:
    steps = 11
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    name = "constant_with_warmup" if kind == "constant" else kind
    reference = get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=steps)
    for step in range(1, steps + 1):
        ours = rate_factor(Schedule(type=kind, warmup_steps=warmup), step, steps)
        assert ours == pytest.approx(reference.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        reference.step()
