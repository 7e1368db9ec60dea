"""What one sample sees of an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phalanx_worker.training.images import CoverCrop, Pixels

Corners = npt.NDArray[np.int64]
"""[n, 2] left and top of crops in a scaled image, in pixels, from top to bottom and from left to right."""


@dataclass(frozen=True)
class View:
    """A part of the scaled image, mirrored or not."""

    flipped: bool = False
    corner: tuple[int, int] | None = None
    """Left and top of the crop, before it is mirrored; None at the centre."""

    def of(self, scaled: Pixels, transform: CoverCrop) -> Pixels:
        """[height, width, 3] of what `transform` made of the image before cropping."""
        left, top = self.corner_in((scaled.shape[1], scaled.shape[0]), transform)
        pixels = transform.cut(scaled, left, top)
        return np.ascontiguousarray(pixels[:, ::-1]) if self.flipped else pixels

    def corner_in(self, scaled: tuple[int, int], transform: CoverCrop) -> tuple[int, int]:
        """Left and top of the crop in a scaled image of (width, height)."""
        return transform.corner(*scaled) if self.corner is None else self.corner


PLAIN = View()
"""Cropped at the centre, not mirrored."""


def all_corners(scaled: tuple[int, int], transform: CoverCrop) -> Corners:
    """Wherever a crop fits into a scaled image of (width, height)."""
    width, height = scaled
    return _corners(np.ones((height - transform.height + 1, width - transform.width + 1), np.bool_))


def showing_corners(scaled: Pixels, transform: CoverCrop) -> Corners:
    """Wherever a crop of a scaled mask is not all black."""
    # Sums over all rectangles that begin at the top left (a summed-area table, Crow, 1984) give those of every crop.
    sums = np.pad(scaled.any(-1).astype(np.int64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    down, across = transform.height, transform.width
    counts = sums[down:, across:] - sums[:-down, across:] - sums[down:, :-across] + sums[:-down, :-across]
    return _corners(counts > 0)


def _corners(allowed: npt.NDArray[np.bool_]) -> Corners:
    found: Corners = np.argwhere(allowed)[:, ::-1]
    return found
