"""The order of the samples of several subsets."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from phalanx_worker.streams import Streams
from phalanx_worker.training.data import EpochOrder
from phalanx_worker.training.sample_order import SampleOrder

REPEATS = st.lists(st.integers(1, 4), min_size=1, max_size=9)


@given(st.integers(0, 1000), REPEATS, st.integers(0, 6), st.integers(0, 5))
def test_an_epoch_has_every_image_as_often_as_it_repeats_and_as_many_class_images(
    seed: int, repeats: list[int], class_images: int, epoch: int
) -> None:
    images = tuple(index for index, count in enumerate(repeats) for _ in range(count))
    classes = tuple(range(100, 100 + class_images))
    order = SampleOrder(Streams(seed), images, classes)
    seen = Counter(order.image(position) for position in range(epoch * order.length, (epoch + 1) * order.length))
    assert {index: seen[index] for index in range(len(repeats))} == dict(enumerate(repeats))
    if class_images:
        assert sum(seen[index] for index in classes) == len(images)
    # Its place alone decides, not what was asked before.
    last = (epoch + 1) * order.length - 1
    assert SampleOrder(Streams(seed), images, classes).image(last) == order.image(last)


@given(st.integers(0, 1000), st.integers(1, 5), st.integers(1, 12), st.integers(1, 6))
def test_class_images_take_turns_over_epochs(seed: int, images: int, class_images: int, epochs: int) -> None:
    classes = tuple(range(100, 100 + class_images))
    order = SampleOrder(Streams(seed), tuple(range(images)), classes)
    seen = Counter(order.image(position) for position in range(epochs * order.length))
    counts = [seen[index] for index in classes]
    assert max(counts) - min(counts) <= 1


@given(st.integers(0, 1000), st.integers(1, 9), st.integers(0, 40))
def test_one_plain_subset_comes_in_the_order_of_its_epochs(seed: int, length: int, position: int) -> None:
    order = SampleOrder(Streams(seed), tuple(range(length)))
    assert order.image(position) == EpochOrder(Streams(seed), length).item(position)
