"""How sharp images are."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from phalanx_worker.features.extractor import Extractor
from phalanx_worker.training.images import Pixels

LUMA = (0.299, 0.587, 0.114)
"""Of red, green and blue (ITU-R BT.601)."""
LAPLACIAN = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))


class SharpnessExtractor(Extractor):
    """Variance of the Laplacian of the luma, 0 to 255, at the image's own size; the rim of one pixel is left out.

    Pech-Pacheco et al. (2000). An image of fewer than 3 pixels a side has none, and so 0.
    """

    @property
    def width(self) -> int:
        return 1

    def prepare(self, pixels: Pixels) -> Tensor:
        luma = torch.tensor(pixels, dtype=torch.float32) @ torch.tensor(LUMA)
        if min(luma.shape) < 3:
            return torch.zeros(1)
        edges = functional.conv2d(luma[None, None], torch.tensor(LAPLACIAN)[None, None])
        return edges.var(correction=0)[None]

    def embed(self, images: Tensor) -> Tensor:
        return images
