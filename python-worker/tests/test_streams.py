"""Counter-based streams."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from phalanx_worker.streams import Streams

seeds = st.integers(0, 2**53 - 1)
counters = st.integers(0, 10**7)


@given(seeds, counters, counters, st.integers(1, 6), st.integers(0, 5))
def test_a_draw_depends_on_its_own_key_alone(seed: int, step: int, sample: int, others: int, first: int) -> None:
    alone = Streams(seed).normal("noise", (3, 2), step, sample)
    streams = Streams(seed)
    for other in range(first, first + others):
        streams.normal("noise", (5,), step + other, sample)
        streams.uniform("flip", step, sample + other)
    assert np.array_equal(streams.normal("noise", (3, 2), step, sample), alone)


@given(seeds, counters, counters)
def test_other_keys_give_other_draws(seed: int, step: int, sample: int) -> None:
    streams = Streams(seed)
    draws = [
        streams.normal("noise", (8,), step, sample),
        streams.normal("noise", (8,), step + 1, sample),
        streams.normal("noise", (8,), step, sample + 1),
        streams.normal("posterior", (8,), step, sample),
        Streams(seed + 1).normal("noise", (8,), step, sample),
    ]
    assert len({draw.tobytes() for draw in draws}) == len(draws)


@given(seeds, st.integers(1, 50), st.integers(0, 100))
def test_an_epoch_holds_every_item_once(seed: int, length: int, epoch: int) -> None:
    assert sorted(Streams(seed).permutation("order", length, epoch)) == list(range(length))


def test_draws_across_samples_are_normal_and_independent() -> None:
    streams = Streams(3)
    draws = np.stack([streams.normal("noise", (64,), step, sample) for step in range(50) for sample in range(20)])
    # 64,000 numbers: mean and variance have standard errors 0.004 and 0.0056; five of them.
    assert abs(draws.mean()) < 0.02 and abs(draws.var() - 1.0) < 0.028
    neighbours = float((draws[:-1] * draws[1:]).mean())
    assert abs(neighbours) < 0.02
