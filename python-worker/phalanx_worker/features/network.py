"""A small convolutional network that counts fingers and tells malformed hands from sound ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

FINGER_CLASSES = 7
"""0 to 5 extended fingers, and 6 for more."""


@dataclass(frozen=True, eq=False)
class Seen:
    """Raw outputs for a batch of n images."""

    counts: Tensor
    """[n, 7] logits of the number of extended fingers."""
    defect: Tensor
    """[n] logit that the anatomy is wrong."""
    features: Tensor
    """[n, width] what both heads look at."""


class FingerNetwork(nn.Module):
    """Levels of two 3x3 convolutions, each halving the size; mean over the picture; two linear heads."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        levels: list[nn.Module] = []
        before = 3
        for width in channels:
            levels += [_convolution(before, width), _convolution(width, width), nn.MaxPool2d(2)]
            before = width
        self.levels = nn.Sequential(*levels)
        self.counts = nn.Linear(before, FINGER_CLASSES)
        self.defect = nn.Linear(before, 1)

    def forward(self, images: Tensor) -> Seen:
        """Look at images, [n, 3, size, size] in [-1, 1]."""
        features = self.levels(images).mean(dim=(2, 3))
        return Seen(self.counts(features), self.defect(features).squeeze(1), features)


def create_network(channels: Sequence[int], seed: int) -> FingerNetwork:
    """A network with random weights that depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return FingerNetwork(channels)


def _convolution(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
    )
