"""Timing two ways of doing the same in turn, so that a busy machine hurts both alike."""

from __future__ import annotations

import ctypes
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass


def settle_memory() -> None:
    """Let glibc keep freed memory, as the worker's environment does; both sides then do without page faults."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        for option in (-3, -1):  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD
            libc.mallopt(option, 1 << 30)


@dataclass(frozen=True)
class Comparison:
    """Medians over pairs."""

    own: float
    """Seconds of ours."""
    other: float
    ratio: float
    """Of theirs / ours: above 1, ours is faster."""
    processor_ratio: float
    """The same of processor time over all threads, which other work on the machine hardly changes."""


def compare(ours: Callable[[], object], theirs: Callable[[], object], repeats: int) -> Comparison:
    """Both in turn, after one unmeasured pair."""
    pairs = [(_seconds(ours), _seconds(theirs)) for _ in range(repeats + 1)][1:]
    return Comparison(
        own=statistics.median(first.wall for first, _ in pairs),
        other=statistics.median(second.wall for _, second in pairs),
        ratio=statistics.median(second.wall / first.wall for first, second in pairs),
        processor_ratio=statistics.median(second.processor / first.processor for first, second in pairs),
    )


@dataclass(frozen=True)
class _Seconds:
    wall: float
    processor: float


def _seconds(call: Callable[[], object]) -> _Seconds:
    began, processor_began = time.perf_counter(), time.process_time()
    call()
    return _Seconds(time.perf_counter() - began, time.process_time() - processor_began)
