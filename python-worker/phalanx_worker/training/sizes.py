"""What SDXL is told of the sizes and crops of training images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from phalanx_worker.errors import DatasetError
from phalanx_worker.model.conditioning import SizeConditioning
from phalanx_worker.training.data import ImageFile


@dataclass(frozen=True)
class ImageSizes:
    """Sizes of a dataset's images as their files say, each read once."""

    files: tuple[ImageFile, ...]
    _read: dict[int, tuple[int, int]] = field(default_factory=dict)

    def time_ids(self, indices: Sequence[int], flips: Sequence[bool]) -> Tensor:
        """[n, 6]. Raises DatasetError (`broken-image`)."""
        pairs = zip(indices, flips, strict=True)
        return torch.stack([self._conditioning(index, flip).time_ids for index, flip in pairs])

    def _conditioning(self, index: int, flipped: bool) -> SizeConditioning:
        transform = self.files[index].transform
        return size_conditioning(self._original(index), (transform.width, transform.height), flipped)

    def _original(self, index: int) -> tuple[int, int]:
        found = self._read.get(index)
        if found is None:
            found = self._read[index] = _image_size(self.files[index].path)
        return found


def size_conditioning(original: tuple[int, int], target: tuple[int, int], flipped: bool) -> SizeConditioning:
    """For an image of `original` (width, height) that is trained on at `target`, with sd-scripts' crop.

    There, the crop is the margin that the whole image would leave if it were fitted into the target, seen from the
    other side in a mirrored image; files trained here and there agree, also where Podell et al. would count the pixels
    cut off instead.
    """
    ratio = original[0] / original[1]
    if target[0] / target[1] > ratio:
        width, height = target[1] * ratio, float(target[1])
    else:
        width, height = float(target[0]), target[0] / ratio
    left, top = (target[0] - width) // 2, (target[1] - height) // 2
    if flipped:
        left = target[0] - (left + width)
    return SizeConditioning(
        original=(original[1], original[0]), crop=(int(top), int(left)), target=(target[1], target[0])
    )


def _image_size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path) as image:
            return image.size
    except (UnidentifiedImageError, OSError) as error:
        raise DatasetError(
            f"{path} is not a whole image: {error}. Remove or replace it, then freeze the dataset again.",
            code="broken-image",
            facts={"path": str(path)},
        ) from error
