"""The numbered messages of one job, kept until every reader has them and a while longer."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from phalanx_worker.protocol.codec import Blob
from phalanx_worker.protocol.messages import Cancelled, Done, Event, Failed, ProgressEvent, StepEndEvent

DROPPABLE = (StepEndEvent, ProgressEvent)
"""Events whose loss a later one makes good."""
WAIT_SECONDS = 0.05
"""Between two looks at the cancel flag while a job waits for its readers; bounds how late an exception lands."""

JobMessage = Event | Done | Failed | Cancelled
MakeMessage = Callable[[int, int], JobMessage]
"""Builds a message from its sequence number and the number of messages dropped before it."""


@dataclass(frozen=True)
class Entry:
    """A message without its reader-dependent part."""

    sequence: int
    make: MakeMessage
    blobs: Sequence[Blob]
    droppable: bool

    @property
    def blob_bytes(self) -> int:
        """Size of all frames after the header."""
        return sum(blob.data.nbytes for blob in self.blobs)


@dataclass
class Reader:
    """Where one client is."""

    last_sequence: int
    """Of the last message handed to the socket."""
    outstanding_bytes: int = 0
    """Blob bytes sent and not given back as credit."""


class Journal:
    """Appended to by the job, read by the socket's thread."""

    def __init__(self, *, progress_buffer: int, blob_credit_bytes: int, kept_messages: int) -> None:
        self._progress_buffer = progress_buffer
        self._blob_credit_bytes = blob_credit_bytes
        self._kept_messages = kept_messages
        self._changed = threading.Condition()
        self._entries: list[Entry] = []
        self._unsent_droppable: deque[int] = deque()
        self._kept_blob_bytes = 0
        self._last_sequence = 0
        self._first_available = 1
        self._waiting = False
        self._readers: dict[bytes, Reader] = {}

    def append(
        self,
        make: MakeMessage,
        *,
        blobs: Sequence[Blob] = (),
        droppable: bool = False,
        stop: threading.Event | None = None,
    ) -> None:
        """Number a message. One with blobs waits until the readers have room for it, or `stop` is set."""
        with self._changed:
            entry_bytes = sum(blob.data.nbytes for blob in blobs)
            while entry_bytes and not self._has_room(entry_bytes) and not (stop and stop.is_set()):
                self._waiting = True
                self._changed.wait(WAIT_SECONDS)
            self._waiting = False
            self._last_sequence += 1
            self._entries.append(Entry(self._last_sequence, make, blobs, droppable))
            self._kept_blob_bytes += entry_bytes
            if droppable:
                self._unsent_droppable.append(self._last_sequence)
                self._drop_surplus()
            self._forget_old()

    def attach(self, reader: bytes, from_sequence: int) -> int:
        """Start or move a reader; returns the first sequence number it will get."""
        with self._changed:
            start = max(from_sequence, self._first_available)
            self._readers[reader] = Reader(last_sequence=start - 1)
            self._changed.notify_all()
            return start

    def detach(self, reader: bytes) -> None:
        """Forget a reader."""
        with self._changed:
            self._readers.pop(reader, None)
            self._changed.notify_all()

    def credit(self, reader: bytes, size: int) -> None:
        """Give back room for blobs."""
        with self._changed:
            if known := self._readers.get(reader):
                known.outstanding_bytes = max(0, known.outstanding_bytes - size)
                self._changed.notify_all()

    def backlog(self) -> int:
        """Messages that the slowest reader has not got."""
        with self._changed:
            return self._last_sequence - self._slowest()

    def readers(self) -> list[bytes]:
        """Everyone attached."""
        with self._changed:
            return list(self._readers)

    def next_for(self, reader: bytes) -> tuple[Entry, int] | None:
        """The next message for a reader and how many were dropped before it."""
        with self._changed:
            known = self._readers.get(reader)
            if known is None:
                return None
            index = bisect_left(self._entries, known.last_sequence + 1, key=lambda entry: entry.sequence)
            if index == len(self._entries):
                return None
            entry = self._entries[index]
            return entry, entry.sequence - known.last_sequence - 1

    def sent(self, reader: bytes, entry: Entry) -> None:
        """Note that a message was handed to the socket."""
        with self._changed:
            if known := self._readers.get(reader):
                known.last_sequence = entry.sequence
                known.outstanding_bytes += entry.blob_bytes
                self._forget_old()

    def waiting_for(self) -> list[tuple[bytes, int]]:
        """Readers that hold the job back, with the bytes they have not given back."""
        with self._changed:
            if not self._waiting:
                return []
            return [(name, known.outstanding_bytes) for name, known in self._readers.items() if known.outstanding_bytes]

    def _has_room(self, size: int) -> bool:
        # One blob is always let through, so that an image larger than all credit still gets there.
        return all(
            pending == 0 or pending + size <= self._blob_credit_bytes
            for pending in (known.outstanding_bytes + self._unsent_bytes(known) for known in self._readers.values())
        )

    def _unsent_bytes(self, known: Reader) -> int:
        index = bisect_left(self._entries, known.last_sequence + 1, key=lambda entry: entry.sequence)
        return sum(entry.blob_bytes for entry in self._entries[index:])

    def _slowest(self) -> int:
        return min((known.last_sequence for known in self._readers.values()), default=self._last_sequence)

    def _drop_surplus(self) -> None:
        slowest = self._slowest()
        while self._unsent_droppable and self._unsent_droppable[0] <= slowest:
            self._unsent_droppable.popleft()
        while len(self._unsent_droppable) > self._progress_buffer:
            oldest = self._unsent_droppable.popleft()
            del self._entries[bisect_left(self._entries, oldest, key=lambda entry: entry.sequence)]

    def _forget_old(self) -> None:
        slowest = self._slowest()
        while len(self._entries) > 1 and self._entries[0].sequence <= slowest and self._too_many():
            gone = self._entries.pop(0)
            self._kept_blob_bytes -= gone.blob_bytes
            self._first_available = self._entries[0].sequence

    def _too_many(self) -> bool:
        return len(self._entries) > self._kept_messages or self._kept_blob_bytes > self._blob_credit_bytes
