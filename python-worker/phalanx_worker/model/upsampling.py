"""Doubling an image and convolving it, without the doubled image."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from diffusers.models.upsampling import Upsample2D
from torch import Tensor, nn


class SubpixelUpsampling:
    """Nearest-neighbour doubling and a 3x3 convolution as one 2x2 convolution (Shi et al., 2016).

    Rows of the doubled image come in equal pairs, so every output row sees two rows of the small image: one through
    one row of the kernel, the other through the sum of the remaining two. The same holds for columns. That leaves 4 of
    9 multiplications for each of the four outputs of a pixel. Threads may call it at the same time.
    """

    def __init__(self, module: Upsample2D, convolution: nn.Conv2d) -> None:
        self._whole = type(module).forward.__get__(module)
        self._convolution = convolution
        self._kernels: Tensor | None = None

    def __call__(self, images: Tensor, output_size: object = None) -> Tensor:
        """[n, channels, height, width] to [n, out, 2 height, 2 width], or to `output_size` in the ordinary way."""
        if output_size is not None:
            result: Tensor = self._whole(images, output_size)
            return result
        if self._kernels is None:
            self._kernels = _kernels(self._convolution.weight)
        count, _, height, width = images.shape
        bias = None if self._convolution.bias is None else self._convolution.bias.repeat(4)
        outer = functional.conv2d(images, self._kernels, bias, padding=1)
        each = outer.view(count, 2, 2, -1, height + 1, width + 1)
        doubled = images.new_empty(count, each.shape[3], height, 2, width, 2)
        for row in (0, 1):
            for column in (0, 1):
                doubled[:, :, :, row, :, column] = each[:, row, column, :, row : row + height, column : column + width]
        return doubled.view(count, -1, 2 * height, 2 * width)


def subpixel_upsampling(module: Upsample2D) -> SubpixelUpsampling | None:
    """For a layer that doubles and then convolves with a 3x3 kernel; None for any other."""
    convolution = getattr(module, "conv", None)
    if not isinstance(convolution, nn.Conv2d) or module.norm is not None or not module.interpolate:
        return None
    return SubpixelUpsampling(module, convolution) if convolution.kernel_size == (3, 3) else None


def _kernels(weight: Tensor) -> Tensor:
    """[4 out, channels, 2, 2] of [out, channels, 3, 3]: for the even and odd columns of even rows, then of odd ones."""
    return torch.cat([kernel for rows in _pairs(weight, 2) for kernel in _pairs(rows, 3)])


def _pairs(weight: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    first, middle, last = weight.unbind(axis)
    return torch.stack([first, middle + last], axis), torch.stack([first + middle, last], axis)
