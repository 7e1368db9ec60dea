"""Changes of training images that leave fingers as they are, so that shape is learned and not rendering."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

LARGEST_TURN = math.radians(25)
SMALLEST_SCALE, LARGEST_SCALE = 0.8, 1.25
LARGEST_SHIFT = 0.16
"""Of half the picture's side."""


def augment(images: Tensor, random: np.random.Generator) -> Tensor:
    """Images [n, 3, size, size] in [-1, 1], each changed in its own random way; on the same device."""
    count = images.shape[0]
    images = _move(images, random)
    images = _recolour(images, random)
    blurred = _blur(images, random)
    images = torch.where(_chosen(random, count, 0.5), blurred, images)
    noise = torch.from_numpy(random.standard_normal(images.shape, dtype=np.float32))
    strength = torch.from_numpy(random.uniform(0, 0.1, (count, 1, 1, 1)).astype(np.float32))
    return (images + noise * strength).clamp(-1, 1)


def _move(images: Tensor, random: np.random.Generator) -> Tensor:
    """Mirror, turn, scale and shift; edges are repeated."""
    count = images.shape[0]
    angle = random.uniform(-LARGEST_TURN, LARGEST_TURN, count)
    scale = random.uniform(SMALLEST_SCALE, LARGEST_SCALE, count)
    mirror = np.where(random.random(count) < 0.5, -1.0, 1.0)
    matrix = np.zeros((count, 2, 3), dtype=np.float32)
    matrix[:, 0, 0] = np.cos(angle) * scale * mirror
    matrix[:, 0, 1] = -np.sin(angle) * scale
    matrix[:, 1, 0] = np.sin(angle) * scale * mirror
    matrix[:, 1, 1] = np.cos(angle) * scale
    matrix[:, :, 2] = random.uniform(-LARGEST_SHIFT, LARGEST_SHIFT, (count, 2))
    grid = functional.affine_grid(torch.from_numpy(matrix), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _recolour(images: Tensor, random: np.random.Generator) -> Tensor:
    """Contrast, brightness, saturation and a tint; now and then grey, or with swapped channels."""
    count = images.shape[0]

    def factor(low: float, high: float, channels: int = 1) -> Tensor:
        return torch.from_numpy(random.uniform(low, high, (count, channels, 1, 1)).astype(np.float32))

    grey = images.mean(dim=1, keepdim=True)
    saturation = factor(0.4, 1.5) * (~_chosen(random, count, 0.1)).float()
    images = grey + (images - grey) * saturation
    images = images * factor(0.6, 1.3) * factor(0.85, 1.15, 3) + factor(-0.2, 0.2)
    order = torch.from_numpy(random.permuted(np.tile(np.arange(3), (count, 1)), axis=1))
    shuffled = images.gather(1, order[:, :, None, None].expand_as(images))
    return torch.where(_chosen(random, count, 0.15), shuffled, images)


def _blur(images: Tensor, random: np.random.Generator) -> Tensor:
    """Reduced and enlarged again, as small or softly decoded pictures are."""
    size = images.shape[-1]
    small = round(size * float(random.uniform(0.5, 0.85)))
    reduced = functional.interpolate(images, (small, small), mode="bilinear", antialias=True, align_corners=False)
    return functional.interpolate(reduced, (size, size), mode="bicubic", align_corners=False)


def _chosen(random: np.random.Generator, count: int, share: float) -> Tensor:
    return torch.from_numpy(random.random((count, 1, 1, 1)) < share)
