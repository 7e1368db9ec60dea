"""Image files to pixels of the training size."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ExifTags import Base

from phalanx_worker.errors import DatasetError

Pixels = npt.NDArray[np.uint8]
LARGEST_PIXELS = 100_000_000
"""Images beyond this many pixels are refused before they are decoded."""


@dataclass(frozen=True)
class CoverCrop:
    """Scales an image to cover `width` x `height` (Lanczos) and crops, at the centre unless a place is given."""

    width: int
    height: int

    @property
    def key(self) -> str:
        """Text that stands for this transform in keys of caches."""
        return f"cover-crop-lanczos-{self.width}x{self.height}"

    def __call__(self, image: Image.Image) -> Pixels:
        """[height, width, 3] RGB; transparent pixels show white."""
        size = self.scaled(*image.size)
        return self.cut(cover(image, size), *self.corner(*size))

    def cut(self, scaled: Pixels, left: int, top: int) -> Pixels:
        """A crop of the scaled image."""
        return np.ascontiguousarray(scaled[top : top + self.height, left : left + self.width])

    def scaled(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of an image after scaling, before it is cropped."""
        scale = max(self.width / width, self.height / height)
        return max(self.width, round(width * scale)), max(self.height, round(height * scale))

    def corner(self, width: int, height: int) -> tuple[int, int]:
        """Left and top of the crop at the centre of a scaled image."""
        return (width - self.width) // 2, (height - self.height) // 2


def cover(image: Image.Image, size: tuple[int, int]) -> Pixels:
    """[height, width, 3] RGB of an image scaled (Lanczos) to a size (width, height); transparent pixels show white."""
    picture = _opaque(image)
    return np.asarray(picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS))


def whole_image(image: Image.Image) -> Pixels:
    """[height, width, 3] RGB of an image at its own size; transparent pixels show white."""
    return np.asarray(_opaque(image))


def alpha_channel(image: Image.Image) -> Image.Image:
    """What is opaque in white."""
    return image.convert("RGBA").getchannel("A")


def decode_image(path: Path, sha256: str, transform: Callable[[Image.Image], Pixels]) -> Pixels:
    """Read, verify and transform one image of a frozen dataset, [height, width, 3] uint8.

    Raises DatasetError: `changed-image` (other bytes than the dataset froze), and as `read_image`.
    """
    data = _read_bytes(path)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DatasetError(
            f"{path} is not the image that the dataset was frozen with. Freeze the dataset again.",
            code="changed-image",
            facts={"path": str(path)},
        )
    return _decode(path, data, transform)


def read_image(path: Path, transform: Callable[[Image.Image], Pixels]) -> Pixels:
    """Read and transform one image, [height, width, 3] uint8.

    Raises DatasetError: `missing-image`, `broken-image`, `image-too-large`.
    """
    return _decode(path, _read_bytes(path), transform)


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(
            f"{path} cannot be read: {error.strerror}. Freeze the dataset again, or give another file.",
            code="missing-image",
            facts={"path": str(path)},
        ) from error


def _decode(path: Path, data: bytes, transform: Callable[[Image.Image], Pixels]) -> Pixels:
    try:
        with warnings.catch_warnings():
            # The limit below speaks first; Pillow's own would only warn.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                if image.width * image.height > LARGEST_PIXELS:
                    raise _too_large(path, f"{image.width} x {image.height} pixels")
                return transform(_upright(image))
    except Image.DecompressionBombError as error:
        raise _too_large(path, str(error)) from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        raise DatasetError(
            f"{path} is not a whole image: {error}. Remove or replace it, then freeze the dataset again.",
            code="broken-image",
            facts={"path": str(path)},
        ) from error


def _upright(image: Image.Image) -> Image.Image:
    try:
        turned = image.getexif().get(Base.Orientation, 1) != 1
    except (SyntaxError, ValueError, OSError):
        # Facts about the picture that cannot be read say nothing; the picture itself may be whole.
        return image
    return ImageOps.exif_transpose(image) if turned else image


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        ground = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(ground, layer).convert("RGB")
    return image.convert("RGB")


def _too_large(path: Path, size: str) -> DatasetError:
    return DatasetError(
        f"{path} is too large ({size}; at most {LARGEST_PIXELS} pixels). Scale it down, then freeze the dataset again.",
        code="image-too-large",
        facts={"path": str(path)},
    )
