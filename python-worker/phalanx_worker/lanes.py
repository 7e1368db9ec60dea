"""Parts of one computation side by side, each on processor cores of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import pairwise
from types import TracebackType
from typing import Self, TypeVar

import torch

Part = TypeVar("Part")
Result = TypeVar("Result")


class Lanes:
    """Threads that share the processor's cores among them; on other devices, and for one part, the caller's thread.

    Threads inside an operation must meet at its end, which small operations do thousands of times a second and which
    stalls when another process holds a core. Lanes meet once per `map`. Which part a lane computes, and the order of
    the results, never depend on timing.
    """

    def __init__(self, device: torch.device, most: int) -> None:
        """At most `most` lanes, and no more than torch has threads; use as a context."""
        self._threads = torch.get_num_threads()
        self.count = max(1, min(self._threads, most)) if device.type == "cpu" else 1
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        if self.count > 1:
            share = self._threads // self.count
            self._pool = ThreadPoolExecutor(self.count, "lane", torch.set_num_threads, (share,))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown()
            # A lane's share is also what torch gives to threads that start later.
            torch.set_num_threads(self._threads)

    def map(self, function: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
        """`function` of every part, in order; all have ended before an error of one is raised.

        Torch's modes (autocast, inference) belong to a thread: `function` enters those it needs.
        """
        if self._pool is None or len(parts) == 1:
            return [function(part) for part in parts]
        futures = [self._pool.submit(function, part) for part in parts]
        wait(futures)
        return [future.result() for future in futures]

    def spans(self, length: int) -> list[slice]:
        """`length` items in as many even, consecutive parts as there are lanes, none empty."""
        count = max(1, min(self.count, length))
        edges = [length * place // count for place in range(count + 1)]
        return [slice(first, last) for first, last in pairwise(edges)]
