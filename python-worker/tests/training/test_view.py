from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from phalanx_worker.training.images import CoverCrop, Pixels
from phalanx_worker.training.view import View, all_corners, showing_corners


@st.composite
def scaled_masks(draw: st.DrawFn) -> tuple[Pixels, CoverCrop]:
    """Some white pixels on black, and a crop that covers one side or less."""
    width, height = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    mask = np.zeros((height, width, 3), np.uint8)
    for y, x, level in draw(
        st.lists(st.tuples(st.integers(0, height - 1), st.integers(0, width - 1), st.integers(1, 255)), max_size=3)
    ):
        mask[y, x] = level
    return mask, CoverCrop(draw(st.integers(1, width)), draw(st.integers(1, height)))


@given(scaled_masks())
def test_crops_are_placed_where_the_mask_shows_something(drawn: tuple[Pixels, CoverCrop]) -> None:
    mask, transform = drawn
    height, width = mask.shape[:2]
    everywhere = [tuple(corner) for corner in all_corners((width, height), transform)]
    assert sorted(everywhere) == [
        (left, top) for left in range(width - transform.width + 1) for top in range(height - transform.height + 1)
    ]
    showing = [tuple(corner) for corner in showing_corners(mask, transform)]
    assert showing == [corner for corner in everywhere if View(corner=corner).of(mask, transform).any()]
