"""What an inpainting UNet is shown: a mask, and the image with medium grey under it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional
from PIL import Image
from torch import Tensor

from phalanx_worker.streams import Streams
from phalanx_worker.training.images import Pixels

Mask = npt.NDArray[np.bool_]
"""[height, width]: where something new is drawn."""
GREY = 127.5
"""Level that a network sees as 0."""
WHOLE_SHARE = 0.25
"""Of masks that hide everything."""


def random_mask(streams: Streams, step: int, sample: int, size: tuple[int, int], smallest: int) -> Mask:
    """A mask of `size` (height, width) for one sample of a training step.

    A quarter of them hide the whole image, as in the training of Stable Diffusion's own inpainting base (its model
    card), so that the base goes on drawing from text alone. The others are rectangles and ellipses in equal numbers,
    anywhere within the image, with sides of any length from `smallest` pixels to the image's, as in diffusers'
    `train_dreambooth_inpaint.py`, which begins at 0.
    """
    draws = streams.generator("mask", step, sample)
    mask = np.zeros(size, np.bool_)
    if draws.random() < WHOLE_SHARE:
        return ~mask
    round_shape = draws.random() < 0.5
    height, width = (int(draws.integers(min(smallest, side), side + 1)) for side in size)
    top, left = int(draws.integers(size[0] - height + 1)), int(draws.integers(size[1] - width + 1))
    if not round_shape:
        mask[top : top + height, left : left + width] = True
        return mask
    # Measured at the middle of each pixel.
    down = (np.arange(size[0]) + 0.5 - top - height / 2) / (height / 2)
    across = (np.arange(size[1]) + 0.5 - left - width / 2) / (width / 2)
    found: Mask = down[:, None] ** 2 + across**2 <= 1
    return found


def lighter_half(levels: Pixels) -> Mask:
    """Of a picture that is a mask: where it is lighter than medium grey."""
    found: Mask = np.asarray(Image.fromarray(levels).convert("L")) >= 128
    return found


def hidden(pixels: Pixels, mask: Mask) -> npt.NDArray[np.float32]:
    """[height, width, 3]: the image with medium grey under the mask, as networks made for inpainting are shown it."""
    return np.where(mask[..., None], GREY, pixels).astype(np.float32)


def at_latents(masks: Sequence[Mask], size: tuple[int, int]) -> Tensor:
    """[n, 1, height, width] float32 at the latents' size, each element that of the pixel at its beginning."""
    whole = torch.from_numpy(np.stack(masks)).to(torch.float32)
    return functional.interpolate(whole[:, None], size)
