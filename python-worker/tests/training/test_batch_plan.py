"""Batches of one size each."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from phalanx_worker.streams import Streams
from phalanx_worker.training.batch_plan import BatchPlan
from phalanx_worker.training.sample_order import SampleOrder

IMAGES = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3)), min_size=2, max_size=14)
"""Bucket and repeats of each."""


def plan_of(seed: int, images: list[tuple[int, int]], classes: int, size: int) -> tuple[BatchPlan, SampleOrder]:
    places = tuple(index for index, (_, repeats) in enumerate(images) for _ in range(repeats))
    class_images = tuple(range(len(images), len(images) + classes))
    buckets = [bucket for bucket, _ in images] + [index % 3 for index in range(classes)]
    order = SampleOrder(Streams(seed), places, class_images)
    return BatchPlan(Streams(seed), order, buckets, size), order


@given(st.integers(0, 1000), IMAGES, st.integers(0, 4), st.integers(1, 5), st.integers(1, 3))
def test_epochs_have_every_sample_once_in_batches_of_one_bucket(
    seed: int, images: list[tuple[int, int]], classes: int, size: int, epochs: int
) -> None:
    plan, order = plan_of(seed, images, classes, size)
    wanted = Counter(order.image(position) for position in range(epochs * order.length))
    seen: Counter[int] = Counter()
    # No batch is empty, so that there are no more than samples.
    for number in range(epochs * order.length):
        if seen.total() >= epochs * order.length:
            break
        batch = plan.batch(number)
        assert 1 <= len(batch) <= size
        assert len({plan.buckets[image] for image in batch}) == 1
        seen.update(batch)
    if len(set(plan.buckets)) > 1:
        assert seen == wanted
    else:
        # Full batches: the last one has samples of the epoch that follows.
        assert wanted <= seen and seen.total() - wanted.total() < size


@given(st.integers(0, 1000), IMAGES, st.integers(0, 4), st.integers(1, 5), st.integers(0, 60))
def test_a_batch_depends_on_its_number_alone(
    seed: int, images: list[tuple[int, int]], classes: int, size: int, number: int
) -> None:
    walked, _ = plan_of(seed, images, classes, size)
    batches = [walked.batch(earlier) for earlier in range(number + 1)]
    jumped, _ = plan_of(seed, images, classes, size)
    assert jumped.batch(number) == batches[number]
    assert walked.batch(number // 2) == batches[number // 2]


def test_batches_are_shuffled_across_buckets_and_epochs() -> None:
    plan, _ = plan_of(3, [(index % 2, 1) for index in range(40)], 0, 4)
    epochs = [[plan.batch(10 * epoch + place) for place in range(10)] for epoch in range(8)]
    kinds = [[plan.buckets[batch[0]] for batch in epoch] for epoch in epochs]
    assert all(sorted(kind) == [0] * 5 + [1] * 5 for kind in kinds)
    # Of 252 orders of five and five, eight draws hold few twice.
    assert len({tuple(kind) for kind in kinds}) > 5


@given(IMAGES, st.integers(1, 5))
def test_groups_hold_every_image_once(images: list[tuple[int, int]], size: int) -> None:
    plan, _ = plan_of(0, images, 0, 2)
    groups = plan.groups(size)
    assert sorted(image for group in groups for image in group) == list(range(len(images)))
    assert all(len(group) <= size and len({plan.buckets[image] for image in group}) == 1 for group in groups)
