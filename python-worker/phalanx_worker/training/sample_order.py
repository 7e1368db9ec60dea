"""Which image of which subset comes when."""

from __future__ import annotations

from phalanx_worker.streams import Streams
from phalanx_worker.training.data import EpochOrder


class SampleOrder:
    """Every epoch is a permutation: each image as often as it is repeated, and as many class images in turn."""

    def __init__(self, streams: Streams, images: tuple[int, ...], class_images: tuple[int, ...] = ()) -> None:
        """`images`: indices of images, each as often as it is seen in an epoch.

        `class_images`: indices of class images. An epoch goes on with them where the one before ended, in an order
        drawn anew each time that all have been seen.
        """
        self.images = images
        self.class_images = class_images
        self.length = len(images) * (2 if class_images else 1)
        """Samples in an epoch."""
        self._order = EpochOrder(streams, self.length)
        self._class_order = EpochOrder(streams, len(class_images), "class-order")

    def image(self, position: int) -> int:
        """The image at `position`, counted from the start of the training over all epochs."""
        slot = self._order.item(position)
        own = len(self.images)
        if slot < own:
            return self.images[slot]
        earlier = position // self.length * own
        return self.class_images[self._class_order.item(earlier + slot - own)]
