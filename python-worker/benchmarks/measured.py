"""Seconds and memory of steps on a device."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Measured:
    """Of one side."""

    seconds: float
    """Median of a step."""
    peak_bytes: int | None
    """Most memory that torch had in use on a CUDA device while the steps were measured."""


def measure_steps(step: Callable[[], object], device: torch.device, warm_up: int, steps: int) -> Measured:
    """Each step to its end on the device."""
    for _ in range(warm_up):
        step()
    on_cuda = device.type == "cuda"
    if on_cuda:
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
    times = []
    for _ in range(steps):
        began = time.perf_counter()
        step()
        if on_cuda:
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - began)
    return Measured(statistics.median(times), torch.cuda.max_memory_allocated(device) if on_cuda else None)


def free_memory(device: torch.device) -> None:
    """Of what nothing holds any more, so that the next side begins with an empty device."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
