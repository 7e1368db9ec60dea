"""The image a drawing starts from, and the mask of what is drawn anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from phalanx_worker.errors import ConfigError
from phalanx_worker.protocol.messages import InitialImage
from phalanx_worker.training.images import CoverCrop, Pixels, read_image, whole_image
from phalanx_worker.training.masks import GREY, Mask, hidden, lighter_half


@dataclass(frozen=True, eq=False)
class Picture:
    """An initial image at the size that is drawn."""

    pixels: Pixels
    """[height, width, 3] RGB."""
    mask: Mask | None
    """Where something new is drawn; None for everywhere, with nothing kept."""
    blur: float
    """Pixels over which a drawing fades in from the mask's border inwards."""

    def hidden(self) -> npt.NDArray[np.float32]:
        """The image with medium grey under the mask, as networks made for inpainting are shown it."""
        if self.mask is None:
            return grey(*self.pixels.shape[:2])
        return hidden(self.pixels, self.mask)

    def keep(self, drawn: Pixels) -> Pixels:
        """`drawn` inside the mask and the image itself, bit for bit, outside."""
        if self.mask is None:
            return drawn
        if self.blur == 0:
            return np.where(self.mask[..., None], drawn, self.pixels)
        weight = _fading(self.mask, self.blur)[..., None]
        mixed = (weight * drawn + (1 - weight) * self.pixels).round().astype(np.uint8)
        return np.where(weight > 0, mixed, self.pixels)


def grey(height: int, width: int) -> npt.NDArray[np.float32]:
    """[height, width, 3]: an image of which nothing is seen."""
    return np.full((height, width, 3), GREY, np.float32)


def open_picture(initial: InitialImage, width: int, height: int) -> Picture:
    """Reads image and mask; a mask's lighter half (and what is transparent) is drawn anew.

    Without a mask the image is scaled to cover the size and cropped at the centre. With one it must have the size,
    because what lies outside the mask is returned as it is. Raises DatasetError as `read_image`, ConfigError
    (`size-mismatch`, `mask-mismatch`, `mask-empty`).
    """
    if initial.mask is None:
        return Picture(read_image(Path(initial.file), CoverCrop(width, height)), None, 0.0)
    pixels = read_image(Path(initial.file), whole_image)
    if pixels.shape[:2] != (height, width):
        raise ConfigError(
            f"{initial.file} has {_size(pixels)} pixels and {width}x{height} are drawn. With a mask both must be "
            "equal, so that what is kept stays as it is: set width and height, or scale image and mask.",
            code="size-mismatch",
            facts={"path": initial.file, "width": width, "height": height},
        )
    levels = read_image(Path(initial.mask), whole_image)
    if levels.shape != pixels.shape:
        raise ConfigError(
            f"The mask {initial.mask} has {_size(levels)} pixels, its image {initial.file} {_size(pixels)}. "
            "Give a mask of the image's size.",
            code="mask-mismatch",
            facts={"mask": initial.mask, "path": initial.file, "maskSize": _size(levels), "size": _size(pixels)},
        )
    mask = lighter_half(levels)
    if not mask.any():
        raise ConfigError(
            f"The mask {initial.mask} is black all over, so there is nothing to draw. Paint white what is to change.",
            code="mask-empty",
            facts={"mask": initial.mask},
        )
    return Picture(pixels, mask, initial.mask_blur)


def _fading(mask: Mask, blur: float) -> npt.NDArray[np.float64]:
    """[height, width]: 0 outside and at the border, 1 deep inside; beyond the picture the mask goes on as its edge."""
    soft = Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.GaussianBlur(blur))
    # A straight border has half the weight of the inside.
    return np.where(mask, np.clip(np.asarray(soft) / 127.5 - 1, 0, 1), 0.0)


def _size(pixels: Pixels) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
