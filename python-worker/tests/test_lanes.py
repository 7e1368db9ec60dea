"""Parts of a computation side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from phalanx_worker.lanes import Lanes

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def four_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def test_lanes_share_the_threads_and_give_them_back() -> None:
    with Lanes(CPU, 2) as lanes:
        meeting = threading.Barrier(2, timeout=10)

        def share(_: int) -> int:
            meeting.wait()
            return torch.get_num_threads()

        # Both parts wait for each other, so they do run at the same time.
        assert lanes.map(share, [0, 1]) == [2, 2]
    assert torch.get_num_threads() == 4
    later: list[int] = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [4]


def test_results_keep_their_order() -> None:
    with Lanes(CPU, 4) as lanes:
        assert lanes.map(lambda place: (time.sleep(0.02 * (3 - place)), place)[1], range(4)) == [0, 1, 2, 3]


def test_an_error_waits_for_the_other_parts() -> None:
    ended: list[int] = []

    def work(place: int) -> None:
        if place == 0:
            raise RuntimeError("the first")
        time.sleep(0.05)
        ended.append(place)

    with Lanes(CPU, 2) as lanes, pytest.raises(RuntimeError, match="the first"):
        lanes.map(work, [0, 1])
    assert ended == [1]


@pytest.mark.parametrize(("device", "most"), [(torch.device("cuda"), 8), (CPU, 1)])
def test_one_lane_is_the_callers_thread(device: torch.device, most: int) -> None:
    with Lanes(device, most) as lanes:
        assert lanes.count == 1
        assert lanes.map(lambda _: threading.current_thread(), [0, 1]) == [threading.current_thread()] * 2


@given(length=st.integers(1, 200), most=st.integers(1, 9))
def test_spans_cover_everything_evenly(length: int, most: int) -> None:
    spans = Lanes(CPU, most).spans(length)
    assert [place for span in spans for place in range(length)[span]] == list(range(length))
    sizes = [len(range(length)[span]) for span in spans]
    assert len(sizes) == min(length, most, 4) and max(sizes) - min(sizes) <= 1
