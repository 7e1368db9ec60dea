"""Does the jobs one at a time, in a thread of their own."""

from __future__ import annotations

import ctypes
import queue
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

from phalanx_worker.jobs.context import JobCancelled, JobContext
from phalanx_worker.jobs.registry import job_function
from phalanx_worker.protocol.codec import Blob, blob
from phalanx_worker.protocol.messages import (
    Cancelled,
    CheckpointEndEvent,
    Done,
    Event,
    Failed,
    JobEvent,
    LogEvent,
    PhaseStartEvent,
)
from phalanx_worker.server.capture import Capture
from phalanx_worker.server.job_record import JobRecord
from phalanx_worker.server.journal import DROPPABLE, MakeMessage
from phalanx_worker.server.wire_error import wire_error

Level = Literal["queued", "cooperative", "exception"]


LINES_AHEAD = 1000
"""Messages on their way to a reader beyond which printed lines are dropped and counted."""


class JobLoop:
    """Owns the job thread; `wake` tells the jobs socket that there is something to send."""

    def __init__(self, *, epoch: str, device: str, capture: Capture, wake: Callable[[], None]) -> None:
        self._epoch = epoch
        self._device = device
        self._capture = capture
        self._wake = wake
        self._waiting: queue.SimpleQueue[JobRecord] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._running: JobRecord | None = None
        self._warm: dict[str, Any] = {}
        self._thread = threading.Thread(target=self._run, name="job", daemon=True)

    def start(self) -> None:
        """Begin to take jobs."""
        self._thread.start()

    def enqueue(self, record: JobRecord) -> None:
        """Do this job after those before it."""
        self._waiting.put(record)
        if record.token.requested.is_set():
            self.withdraw(record)

    def withdraw(self, record: JobRecord) -> None:
        """End a job that has not begun."""
        with self._lock:
            if record.begun:
                return
            record.begun = True
        self._end(record, self._cancelled(record, "queued", None))

    def running(self) -> str | None:
        """Id of the job that runs now."""
        with self._lock:
            return self._running.job_id if self._running else None

    def interrupt(self, record: JobRecord) -> None:
        """Raise `JobCancelled` inside the job, if it is the one that runs."""
        with self._lock:
            if self._running is record and not record.interrupted:
                record.interrupted = True
                self._raise_in_thread(JobCancelled)

    def _run(self) -> None:
        while True:
            record = self._waiting.get()
            with self._lock:
                if record.begun:
                    continue
                record.begun = True
            self._end(record, self._do(record))

    def _end(self, record: JobRecord, make: MakeMessage) -> None:
        record.journal.append(make)
        record.finished = True
        self._wake()

    def _do(self, record: JobRecord) -> MakeMessage:
        self._capture.send_to(partial(self._log, record))
        outcome: MakeMessage | None = None
        while True:
            try:
                if outcome is None:
                    with self._lock:
                        self._running = record
                    outcome = self._outcome(record)
                with self._lock:
                    self._running = None
                    # One that was asked for but has not landed; once the lock is free, none can be asked for any more.
                    self._raise_in_thread(None)
                break
            except JobCancelled:
                # It landed after the job's own work, or while the outcome was put together.
                outcome = outcome or self._cancelled(record, "exception", record.checkpoint)
        self._capture.send_to(None)
        return outcome

    def _outcome(self, record: JobRecord) -> MakeMessage:
        try:
            context = JobContext(
                job_id=record.job_id,
                emit=partial(self._emit, record),
                token=record.token,
                device=self._device,
                warm=self._warm,
            )
            context.phase("loading")
            result = job_function(record.job)(record.job, context)
            return lambda sequence, dropped: Done(
                epoch=self._epoch, job_id=record.job_id, sequence=sequence, dropped_progress=dropped, result=result
            )
        except JobCancelled as reason:
            level: Level = "exception" if record.interrupted else "cooperative"
            return self._cancelled(record, level, reason.checkpoint or record.checkpoint)
        except BaseException as error:
            failure = wire_error(error, self._capture.tail())
            return lambda sequence, dropped: Failed(
                epoch=self._epoch, job_id=record.job_id, sequence=sequence, dropped_progress=dropped, error=failure
            )

    def _cancelled(self, record: JobRecord, level: Level, checkpoint: str | None) -> MakeMessage:
        asked = record.cancel_requested_at
        milliseconds = 0.0 if asked is None else (time.monotonic() - asked) * 1000
        return lambda sequence, dropped: Cancelled(
            epoch=self._epoch,
            job_id=record.job_id,
            sequence=sequence,
            dropped_progress=dropped,
            level=level,
            milliseconds=milliseconds,
            resumable=checkpoint is not None,
            checkpoint=checkpoint,
        )

    def _log(self, record: JobRecord, line: LogEvent) -> bool:
        """False when the readers are too far behind to take a line."""
        if record.journal.backlog() > LINES_AHEAD:
            return False
        self._emit(record, line)
        return True

    def _emit(self, record: JobRecord, event: JobEvent, arrays: Sequence[Any] = ()) -> None:
        blobs: tuple[Blob, ...] = tuple(blob(array) for array in arrays)
        if isinstance(event, CheckpointEndEvent):
            record.checkpoint = event.path
        if isinstance(event, PhaseStartEvent | CheckpointEndEvent):
            # What was printed before is told before; steps and images are too frequent to look each time.
            self._capture.drain()
        record.journal.append(
            lambda sequence, dropped: Event(
                epoch=self._epoch,
                job_id=record.job_id,
                sequence=sequence,
                dropped_progress=dropped,
                event=event,
                blobs=tuple(item.description for item in blobs),
            ),
            blobs=blobs,
            droppable=isinstance(event, DROPPABLE),
            stop=record.token.requested,
        )
        self._wake()

    def _raise_in_thread(self, kind: type[BaseException] | None) -> None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(self._thread.ident or 0), ctypes.py_object(kind) if kind else None
        )
