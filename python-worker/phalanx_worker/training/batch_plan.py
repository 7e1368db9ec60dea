"""Which images are seen together."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from phalanx_worker.streams import Streams
from phalanx_worker.training.sample_order import SampleOrder


class BatchPlan:
    """Batches of images of one size, from the order of the samples alone.

    With one size every batch is full and goes over the end of an epoch. With several, an epoch is cut into batches by
    itself, so that all its images are seen in it: the last batch of a size may be smaller, and batches come in an order
    of their own.
    """

    def __init__(self, streams: Streams, order: SampleOrder, buckets: Sequence[int], size: int) -> None:
        """`buckets`: the index of the size of each image; `size`: images in a full batch."""
        self.buckets = tuple(buckets)
        self._streams = streams
        self._order = order
        self._size = size
        self._one_size = len(set(self.buckets)) == 1
        self._starts = [0]
        self._made: tuple[int, list[tuple[int, ...]]] | None = None

    def batch(self, number: int) -> tuple[int, ...]:
        """The images of a batch, 0-based from the start of the training over all epochs."""
        if self._one_size:
            return tuple(self._order.image(number * self._size + place) for place in range(self._size))
        while self._starts[-1] <= number:
            self._starts.append(self._starts[-1] + self._length(len(self._starts) - 1))
        epoch = bisect_right(self._starts, number) - 1
        return self._epoch(epoch)[number - self._starts[epoch]]

    def groups(self, size: int) -> list[list[int]]:
        """Every image once, in lists of one size of image with at most `size` entries."""
        members: dict[int, list[int]] = {}
        for image, bucket in enumerate(self.buckets):
            members.setdefault(bucket, []).append(image)
        return [part[first : first + size] for part in members.values() for first in range(0, len(part), size)]

    def _length(self, epoch: int) -> int:
        # Class images take turns, so that only with them one epoch may have more batches than another.
        return len(self._epoch(epoch if self._order.class_images else 0))

    def _epoch(self, epoch: int) -> list[tuple[int, ...]]:
        if self._made is None or self._made[0] != epoch:
            self._made = (epoch, self._cut(epoch))
        return self._made[1]

    def _cut(self, epoch: int) -> list[tuple[int, ...]]:
        batches: list[tuple[int, ...]] = []
        waiting: dict[int, list[int]] = {}
        first = epoch * self._order.length
        for position in range(first, first + self._order.length):
            image = self._order.image(position)
            group = waiting.setdefault(self.buckets[image], [])
            group.append(image)
            if len(group) == self._size:
                batches.append(tuple(group))
                group.clear()
        batches += [tuple(group) for group in waiting.values() if group]
        return [batches[place] for place in self._streams.permutation("batch-order", len(batches), epoch)]
