"""What SDXL is told of the sizes and crops of training images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from phalanx_worker.model.conditioning import SizeConditioning
from phalanx_worker.training.data import ImageFile
from phalanx_worker.training.images import CoverCrop
from phalanx_worker.training.view import View


def time_ids(files: Sequence[ImageFile], views: Sequence[View]) -> Tensor:
    """[n, 6] for images as they are trained on."""
    pairs = zip(files, views, strict=True)
    return torch.stack(
        [size_conditioning((file.item.width, file.item.height), file.transform, view).time_ids for file, view in pairs]
    )


def size_conditioning(original: tuple[int, int], transform: CoverCrop, view: View) -> SizeConditioning:
    """For an image of `original` (width, height), as Podell et al. (2023, section 2.2) say it.

    The crop counts the pixels cut off at the top and at the left of the scaled image, of the mirrored one when it is
    seen so. sd-scripts tells the margins that the whole image would leave inside of the target instead.
    """
    width, height = transform.scaled(*original)
    left, top = view.corner_in((width, height), transform)
    if view.flipped:
        left = width - transform.width - left
    return SizeConditioning(
        original=(original[1], original[0]), crop=(top, left), target=(transform.height, transform.width)
    )
