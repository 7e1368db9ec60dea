"""Every job this worker knows, by id."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from phalanx_worker.jobs.context import CancelToken
from phalanx_worker.protocol.messages import Job
from phalanx_worker.server.journal import Journal

FINISHED_KEPT = 32
"""Finished jobs whose messages can still be asked for."""
EARLY_CANCELS_KEPT = 1024


@dataclass
class JobRecord:
    """A job with its messages and its state."""

    job_id: str
    job: Job
    journal: Journal
    token: CancelToken = field(default_factory=CancelToken)
    cancel_requested_at: float | None = None
    begun: bool = False
    interrupted: bool = False
    """Whether an exception was raised inside it."""
    checkpoint: str | None = None
    """The last one it told of."""
    finished: bool = False

    def request_cancel(self) -> None:
        """Ask it to stop at its next boundary; asking again changes nothing."""
        if self.cancel_requested_at is None:
            self.cancel_requested_at = time.monotonic()
        self.token.requested.set()


class JobTable:
    """Shared by the threads of both sockets and the job's own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: OrderedDict[str, JobRecord] = OrderedDict()
        self._early_cancels: OrderedDict[str, None] = OrderedDict()

    def add(self, record: JobRecord) -> None:
        """Take a job in; a cancel that came before it holds."""
        with self._lock:
            self._records[record.job_id] = record
            if record.job_id in self._early_cancels:
                del self._early_cancels[record.job_id]
                record.request_cancel()
            finished = [known.job_id for known in self._records.values() if known.finished]
            for job_id in finished[: max(0, len(finished) - FINISHED_KEPT)]:
                del self._records[job_id]

    def get(self, job_id: str) -> JobRecord | None:
        """The job of that id, if known."""
        with self._lock:
            return self._records.get(job_id)

    def all(self) -> list[JobRecord]:
        """Every known job, oldest first."""
        with self._lock:
            return list(self._records.values())

    def cancel(self, job_id: str) -> JobRecord | None:
        """Ask a job to stop, also one whose submission is still on the other socket."""
        with self._lock:
            record = self._records.get(job_id)
            if record is None:
                self._early_cancels[job_id] = None
                while len(self._early_cancels) > EARLY_CANCELS_KEPT:
                    self._early_cancels.popitem(last=False)
                return None
            record.request_cancel()
            return record
