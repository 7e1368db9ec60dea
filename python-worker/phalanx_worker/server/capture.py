"""Takes what is printed, by Python, by C libraries and by child processes, and turns it into log events.

File descriptors 1 and 2 are pointed at files: a writer never waits, so a C library that prints while it holds the
interpreter's lock cannot stop the worker, and the last words of a crash are still on disk for the parent to read.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from phalanx_worker.protocol.messages import LogEvent

Stream = Literal["stdout", "stderr"]
Sink = Callable[[LogEvent], bool]
"""Takes a line, or says False when it cannot."""

LINES_IN_A_BURST = 200
LINES_PER_SECOND = 100
LINE_BYTES = 8192
TAIL_LINES = 50
FREED_BYTES = 16 * 1024 * 1024
"""What has been read is given back to the file system in pieces of this size."""
CHUNK_BYTES = 1024 * 1024
POLL_SECONDS = 0.1

FALLOC_FL_KEEP_SIZE = 1
FALLOC_FL_PUNCH_HOLE = 2
"""From linux/falloc.h."""

_libc = ctypes.CDLL(None)
_LINE_END = re.compile(rb"[\r\n]+")


@dataclass
class _File:
    stream: Stream
    descriptor: int
    offset: int = 0
    freed: int = 0
    rest: bytes = b""


@dataclass
class _Allowance:
    """A token bucket: short bursts pass whole, floods are thinned."""

    lines: float = LINES_IN_A_BURST
    updated: float = field(default_factory=time.monotonic)

    def take(self) -> bool:
        now = time.monotonic()
        self.lines = min(LINES_IN_A_BURST, self.lines + (now - self.updated) * LINES_PER_SECOND)
        self.updated = now
        if self.lines < 1:
            return False
        self.lines -= 1
        return True


class Capture:
    """Reads the two files; call `drain` from the job's thread before telling that the job is over."""

    def __init__(self, stdout_file: str, stderr_file: str) -> None:
        self._lock = threading.Lock()
        self._files = (_redirect(1, "stdout", stdout_file), _redirect(2, "stderr", stderr_file))
        self._allowance = _Allowance()
        self._dropped = 0
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._sink: Sink | None = None

    def start(self) -> None:
        """Follow the files from a thread of their own."""
        threading.Thread(target=self._follow, name="capture", daemon=True).start()

    def send_to(self, sink: Sink | None) -> None:
        """From here on lines go to `sink`, or nowhere; earlier lines went to the earlier one."""
        self.drain()
        with self._lock:
            if self._sink is not None and self._dropped > 0:
                text = f"{self._dropped} lines were dropped here: they came faster than {LINES_PER_SECOND} a second"
                self._sink(LogEvent(stream="warning", text=text, dropped=self._dropped))
            self._dropped = 0
            self._sink = sink

    def drain(self) -> None:
        """Handle everything printed so far."""
        with self._lock:
            for file in self._files:
                self._read(file)

    def tail(self) -> list[str]:
        """The last lines, dropped ones included."""
        self.drain()
        with self._lock:
            return list(self._tail)

    def _follow(self) -> None:
        while True:
            time.sleep(POLL_SECONDS)
            self.drain()

    def _read(self, file: _File) -> None:
        while data := os.pread(file.descriptor, CHUNK_BYTES, file.offset):
            file.offset += len(data)
            *lines, rest = _LINE_END.split(file.rest + data)
            file.rest = rest[-LINE_BYTES:]
            for line in lines:
                self._line(file.stream, line)
        if file.offset - file.freed >= FREED_BYTES:
            _free(file.descriptor, file.freed, file.offset)
            file.freed = file.offset

    def _line(self, stream: Stream, line: bytes) -> None:
        text = line[:LINE_BYTES].decode("utf-8", "replace")
        if not text:
            return
        self._tail.append(text)
        if self._sink is None:
            return
        if self._allowance.take() and self._sink(LogEvent(stream=stream, text=text, dropped=self._dropped)):
            self._dropped = 0
        else:
            self._dropped += 1


def _free(descriptor: int, start: int, end: int) -> None:
    """Give back what lies between, without a change of size: emptying the file would lose what is being written."""
    if sys.platform == "linux":
        _libc.fallocate(
            descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, ctypes.c_int64(start), ctypes.c_int64(end - start)
        )


def _redirect(descriptor: int, stream: Stream, path: str) -> _File:
    target = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    os.dup2(target, descriptor)
    return _File(stream, target)
