"""What every reader of a job gets, however slowly it reads and whenever it comes."""

from __future__ import annotations

import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from phalanx_worker.protocol.codec import Blob, blob
from phalanx_worker.protocol.messages import Event, ProgressEvent
from phalanx_worker.server.journal import JobMessage, Journal, MakeMessage

EPOCH = "0123456789abcdef"


def message(number: int) -> MakeMessage:
    def make(sequence: int, dropped: int) -> JobMessage:
        return Event(
            epoch=EPOCH,
            job_id="a",
            sequence=sequence,
            dropped_progress=dropped,
            event=ProgressEvent(done=number, total=0),
            blobs=(),
        )

    return make


def journal(progress: int = 4, credit: int = 100, kept: int = 1000) -> Journal:
    return Journal(progress_buffer=progress, blob_credit_bytes=credit, kept_messages=kept)


def image(size: int) -> Blob:
    return blob(np.zeros(size, np.uint8))


def read(source: Journal, reader: bytes) -> list[JobMessage]:
    taken = []
    while (following := source.next_for(reader)) is not None:
        entry, dropped = following
        taken.append(entry.make(entry.sequence, dropped))
        source.sent(reader, entry)
    return taken


@given(st.lists(st.sampled_from(["keep", "drop", "read slow", "read fast"]), max_size=120), st.integers(1, 8))
def test_readers_miss_nothing_but_progress_and_can_count_what_they_missed(actions: list[str], progress: int) -> None:
    source = journal(progress=progress)
    source.attach(b"slow", 1)
    source.attach(b"fast", 1)
    got: dict[bytes, list[JobMessage]] = {b"slow": [], b"fast": []}
    kept: list[int] = []
    for number, action in enumerate(actions, start=1):
        if action.startswith("read"):
            reader = action.removeprefix("read ").encode()
            got[reader] += read(source, reader)
        else:
            source.append(message(number), droppable=action == "drop")
            if action == "keep":
                kept.append(number)
    for reader in got:
        got[reader] += read(source, reader)
        last = 0
        for event in got[reader]:
            assert event.sequence == last + 1 + event.dropped_progress
            last = event.sequence
        assert last == sum(not action.startswith("read") for action in actions)
        numbers = [
            event.event.done
            for event in got[reader]
            if isinstance(event, Event) and isinstance(event.event, ProgressEvent)
        ]
        assert set(kept) <= set(numbers)
        assert numbers == sorted(numbers)


def test_only_as_much_progress_as_allowed_waits_for_a_reader_and_it_is_the_latest() -> None:
    source = journal(progress=3)
    source.attach(b"r", 1)
    for number in range(100):
        source.append(message(number), droppable=True)
    events = read(source, b"r")
    assert [event.sequence for event in events] == [98, 99, 100]
    assert events[0].dropped_progress == 97


def test_who_comes_late_gets_what_is_kept_and_learns_where_it_starts() -> None:
    source = journal(kept=5)
    source.attach(b"first", 1)
    for number in range(20):
        source.append(message(number))
        read(source, b"first")
    assert source.attach(b"late", 1) == 16
    assert [event.sequence for event in read(source, b"late")] == [16, 17, 18, 19, 20]
    assert source.attach(b"late", 18) == 18
    assert [event.sequence for event in read(source, b"late")] == [18, 19, 20]


def test_nothing_is_forgotten_before_every_reader_has_it() -> None:
    source = journal(kept=2)
    source.attach(b"slow", 1)
    for number in range(50):
        source.append(message(number))
    assert len(read(source, b"slow")) == 50


def test_images_wait_for_credit_until_it_comes_and_small_messages_do_not() -> None:
    source = journal(credit=100)
    source.attach(b"r", 1)
    source.append(message(1), blobs=(image(80),))
    source.append(message(2))
    second = threading.Thread(target=lambda: source.append(message(3), blobs=(image(80),)))
    second.start()
    assert len(read(source, b"r")) == 2
    second.join(0.3)
    assert second.is_alive()
    assert source.waiting_for() == [(b"r", 80)]
    source.credit(b"r", 80)
    second.join(10)
    assert not second.is_alive()
    assert len(read(source, b"r")) == 1


def test_an_image_larger_than_all_credit_still_gets_through() -> None:
    source = journal(credit=10)
    source.attach(b"r", 1)
    source.append(message(1), blobs=(image(1000),))
    assert len(read(source, b"r")) == 1


def test_a_reader_that_leaves_and_a_cancel_let_a_waiting_job_go_on() -> None:
    for release in ("detach", "cancel"):
        source = journal(credit=10)
        source.attach(b"r", 1)
        source.append(message(1), blobs=(image(10),))
        stop = threading.Event()

        def append(source: Journal = source, stop: threading.Event = stop) -> None:
            source.append(message(2), blobs=(image(10),), stop=stop)

        waiting = threading.Thread(target=append)
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        if release == "detach":
            source.detach(b"r")
        else:
            stop.set()
        waiting.join(10)
        assert not waiting.is_alive()
