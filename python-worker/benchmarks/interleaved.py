"""Timing two ways of doing the same in turn, so that a busy machine hurts both alike."""

from __future__ import annotations

import ctypes
import statistics
import sys
import time
from collections.abc import Callable


def settle_memory() -> None:
    """Let glibc keep freed memory, as the worker's environment does; both sides then do without page faults."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        for option in (-3, -1):  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD
            libc.mallopt(option, 1 << 30)


def compare(ours: Callable[[], object], theirs: Callable[[], object], repeats: int) -> tuple[float, float, float]:
    """Median seconds of ours and theirs, and the median of theirs / ours over pairs, after one unmeasured pair."""
    pairs = [(_seconds(ours), _seconds(theirs)) for _ in range(repeats + 1)][1:]
    own, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    return own, other, statistics.median(second / first for first, second in pairs)


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
