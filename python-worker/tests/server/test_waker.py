"""What ends the wait of the jobs socket."""

from __future__ import annotations

import select
from socket import socket

from phalanx_worker.server.jobs_socket import Waker


class Interrupted:
    """A reading end during whose reading another thread calls."""

    def __init__(self, end: socket, waker: Waker) -> None:
        self._end = end
        self._waker = waker

    def recv(self, size: int) -> bytes:
        self._waker.wake()
        taken = self._end.recv(size)
        self._waker.wake()
        return taken


def is_awake(end: socket) -> bool:
    return bool(select.select([end], [], [], 0)[0])


def test_any_number_of_calls_end_one_wait() -> None:
    waker = Waker()
    assert not is_awake(waker.reading_end)
    for _ in range(100_000):
        waker.wake()
    assert is_awake(waker.reading_end)
    waker.clear()
    assert not is_awake(waker.reading_end)


def test_a_call_in_the_middle_of_clearing_does_not_silence_the_next() -> None:
    waker = Waker()
    end = waker.reading_end
    waker.wake()
    waker.reading_end = Interrupted(end, waker)  # type: ignore[assignment]
    waker.clear()
    waker.wake()
    assert is_awake(end)
