"""Masks of images, which show what a masked loss is taken of, and what is filled in."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import torch
import torch.nn.functional as functional
from torch import Tensor

from phalanx_worker.errors import DatasetError
from phalanx_worker.protocol.messages import TrainingSubset
from phalanx_worker.training.data import ImageFile, PixelStore
from phalanx_worker.training.latents import to_unit_tensor
from phalanx_worker.training.masks import Mask, at_latents, lighter_half
from phalanx_worker.training.view import PLAIN, Corners, View, showing_corners


class MaskStore:
    """The masks of a set of images, cropped and mirrored with them; an image without one shows all of itself."""

    def __init__(self, images: Sequence[ImageFile], subsets: Sequence[TrainingSubset], of_loss: bool) -> None:
        """`subsets` are those of the images; class images need no mask, others do for a masked loss or to be filled in.

        Raises DatasetError: `missing-mask`, `empty-mask` when nothing of a mask is left after the crop, and as
        `decode_image`.
        """
        self._images = tuple(images)
        pairs = zip(images, subsets, strict=True)
        lacking = [
            image
            for image, own in pairs
            if image.item.mask is None and not own.regularisation and (of_loss or own.inpainting_masks == "dataset")
        ]
        if lacking:
            raise DatasetError(
                f"{len(lacking)} of {len(images)} images have no mask, such as {lacking[0].item.file}. Put "
                "palm.mask.png beside palm.jpg, name it as `mask` in metadata.jsonl, or open the dataset with "
                "`alphaMasks`.",
                code="missing-mask",
                facts={"file": lacking[0].item.file, "lacking": len(lacking)},
            )
        masked = [index for index, image in enumerate(images) if image.item.mask is not None]
        self._places = {index: place for place, index in enumerate(masked)}
        self._store = PixelStore([_mask_file(images[index]) for index in masked])
        for index, place in self._places.items():
            random = subsets[index].crop == "random"
            if not (self._store.scaled(place) if random else self._store.pixels(place)).any():
                raise _empty(images[index])

    def corners(self, index: int) -> Corners | None:
        """Where an image is cropped so that its mask shows something; None for an image without one."""
        place = self._places.get(index)
        return None if place is None else showing_corners(self._store.scaled(place), self._images[index].transform)

    def masks(self, indices: Sequence[int], views: Sequence[View], size: torch.Size) -> Tensor:
        """[n, 1, height, width] in [0, 1], averaged over the area of each latent of `size` (height, width)."""
        return torch.cat([self._mask(index, view, size) for index, view in zip(indices, views, strict=True)])

    def filled_in(self, index: int, view: View) -> Mask | None:
        """[height, width]: what of the image is filled in; None for an image without a mask."""
        place = self._places.get(index)
        return None if place is None else lighter_half(self._store.pixels(place, view))

    def check_filled_in(self, indices: Sequence[int], reduction: int) -> None:
        """Raises DatasetError (`empty-mask`) for an image, cropped at the centre, whose latents see none of its mask.

        `reduction`: pixels of one latent.
        """
        for index in indices:
            mask = self.filled_in(index, PLAIN)
            if (
                mask is not None
                and not at_latents([mask], (mask.shape[0] // reduction, mask.shape[1] // reduction)).any()
            ):
                raise _empty(self._images[index])

    def _mask(self, index: int, view: View, size: torch.Size) -> Tensor:
        place = self._places.get(index)
        if place is None:
            return torch.ones(1, 1, *size)
        levels = to_unit_tensor([self._store.pixels(place, view)]).mean(1, keepdim=True)
        return functional.adaptive_avg_pool2d(levels, (size[0], size[1]))


def _empty(image: ImageFile) -> DatasetError:
    return DatasetError(
        f"The mask of {image.item.file} shows nothing at the size that is trained on. Enlarge what it shows, or take "
        "the image out.",
        code="empty-mask",
        facts={"file": image.item.file},
    )


def _mask_file(image: ImageFile) -> ImageFile:
    mask = image.item.mask
    if mask is None:
        raise ValueError(f"{image.item.file} has no mask")
    item = msgspec.structs.replace(image.item, file=mask.file, sha256=mask.sha256)
    return ImageFile(image.root, item, image.transform, alpha=mask.file == image.item.file)
