"""What a job may ask of the worker that runs it. Imports no torch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from phalanx_worker.protocol.messages import JobEvent, Phase, PhaseStartEvent

Emit = Callable[[JobEvent, Sequence[Any]], None]
"""Sends an event with its blobs: C-contiguous buffers with `dtype` and `shape`, such as numpy arrays.

It may wait: images beyond the reader's credit hold the job back until the reader catches up.
"""


class JobCancelled(BaseException):
    """Ends a job that was asked to stop; not an `Exception`, so that a job's own handlers let it through."""

    def __init__(self, checkpoint: str | None = None) -> None:
        super().__init__("the job was cancelled")
        self.checkpoint = checkpoint
        """Path of a checkpoint from which the same job would go on, if one was written."""


@dataclass(frozen=True)
class CancelToken:
    """A request to stop, made by the control thread and seen by the job at its next boundary."""

    requested: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class JobContext:
    """Handed to a job's function beside the job itself."""

    job_id: str
    emit: Emit
    token: CancelToken
    device: str
    """Torch device the job runs on."""
    warm: dict[str, Any]
    """Lives as long as the worker: loaded bases and caches, by content key."""
    started_at: float = field(default_factory=time.monotonic)

    @property
    def cancelled(self) -> bool:
        """Whether the job should stop at its next step boundary, after writing a checkpoint if it can."""
        return self.token.requested.is_set()

    def check_cancelled(self, checkpoint: str | None = None) -> None:
        """Raise `JobCancelled` when asked to stop; call at every boundary where stopping loses nothing."""
        if self.cancelled:
            raise JobCancelled(checkpoint)

    def phase(self, phase: Phase, total: int = 0) -> None:
        """Announce what comes next, so that the right watchdog limit holds."""
        self.emit(PhaseStartEvent(phase=phase, total=total), ())
