"""The Inception of FID and KID: that of TensorFlow, 2015-12-05, up to its last pooling.

Szegedy et al. (2016), with the two changes that the weights of FID ask for: averages leave out padding, and the last
block pools by the largest value. Names of parameters are those of the file that torch-fidelity and pytorch-fid read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

FEATURES = 2048
Pooling = Literal["average", "largest", "halving"]


@dataclass(frozen=True)
class _Convolution:
    """Without padding where it halves the size, else with as much as keeps it."""

    name: str
    width: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1


@dataclass(frozen=True)
class _Branch:
    """A pooling, convolutions one after another, and at the end several of what they gave, side by side."""

    chain: tuple[_Convolution, ...]
    fork: tuple[_Convolution, ...] = ()
    pooling: Pooling | None = None

    @property
    def width(self) -> int | None:
        """Channels that it adds; None for as many as come in."""
        return sum(one.width for one in self.fork or self.chain[-1:]) or None


class InceptionNetwork(nn.Module):
    """Images [n, 3, 299, 299] in [-1, 1] to features [n, 2048]."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = _NormedConvolution(3, 32, (3, 3), 2, (0, 0))
        self.Conv2d_2a_3x3 = _NormedConvolution(32, 32, (3, 3), 1, (0, 0))
        self.Conv2d_2b_3x3 = _NormedConvolution(32, 64, (3, 3), 1, (1, 1))
        self.Conv2d_3b_1x1 = _NormedConvolution(64, 80, (1, 1), 1, (0, 0))
        self.Conv2d_4a_3x3 = _NormedConvolution(80, 192, (3, 3), 1, (0, 0))
        width = 192
        for name, branches in _BLOCKS:
            block = _Block(width, branches)
            self.add_module(name, block)
            width = block.width

    def forward(self, images: Tensor) -> Tensor:
        """The mean of the last activations over the picture."""
        seen = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(images)))
        seen = functional.max_pool2d(seen, 3, 2)
        seen = functional.max_pool2d(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(seen)), 3, 2)
        for name, _ in _BLOCKS:
            seen = self.get_submodule(name)(seen)
        return torch.flatten(functional.adaptive_avg_pool2d(seen, 1), 1)


class _NormedConvolution(nn.Module):
    def __init__(self, before: int, after: int, kernel: tuple[int, int], stride: int, padding: tuple[int, int]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(after, eps=0.001)

    def forward(self, images: Tensor) -> Tensor:
        return functional.relu(self.bn(self.conv(images)), inplace=True)


class _Block(nn.Module):
    def __init__(self, before: int, branches: Sequence[_Branch]) -> None:
        super().__init__()
        self.branches = tuple(branches)
        self.width = sum(branch.width or before for branch in branches)
        for branch in branches:
            width = before
            for one in branch.chain:
                self._add(one, width)
                width = one.width
            for one in branch.fork:
                self._add(one, width)

    def _add(self, one: _Convolution, before: int) -> None:
        padding = (one.kernel[0] // 2, one.kernel[1] // 2) if one.stride == 1 else (0, 0)
        self.add_module(one.name, _NormedConvolution(before, one.width, one.kernel, one.stride, padding))

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([part for branch in self.branches for part in self._parts(branch, images)], 1)

    def _parts(self, branch: _Branch, images: Tensor) -> list[Tensor]:
        seen = images if branch.pooling is None else _pooled(images, branch.pooling)
        for one in branch.chain:
            seen = self.get_submodule(one.name)(seen)
        return [self.get_submodule(one.name)(seen) for one in branch.fork] or [seen]


def _pooled(images: Tensor, pooling: Pooling) -> Tensor:
    if pooling == "average":
        return functional.avg_pool2d(images, 3, 1, 1, count_include_pad=False)
    if pooling == "largest":
        return functional.max_pool2d(images, 3, 1, 1)
    return functional.max_pool2d(images, 3, 2)


def _first(pooled: int) -> tuple[_Branch, ...]:
    return (
        _Branch((_Convolution("branch1x1", 64),)),
        _Branch((_Convolution("branch5x5_1", 48), _Convolution("branch5x5_2", 64, (5, 5)))),
        _Branch(
            (
                _Convolution("branch3x3dbl_1", 64),
                _Convolution("branch3x3dbl_2", 96, (3, 3)),
                _Convolution("branch3x3dbl_3", 96, (3, 3)),
            )
        ),
        _Branch((_Convolution("branch_pool", pooled),), pooling="average"),
    )


def _factorised(width: int) -> tuple[_Branch, ...]:
    return (
        _Branch((_Convolution("branch1x1", 192),)),
        _Branch(
            (
                _Convolution("branch7x7_1", width),
                _Convolution("branch7x7_2", width, (1, 7)),
                _Convolution("branch7x7_3", 192, (7, 1)),
            )
        ),
        _Branch(
            (
                _Convolution("branch7x7dbl_1", width),
                _Convolution("branch7x7dbl_2", width, (7, 1)),
                _Convolution("branch7x7dbl_3", width, (1, 7)),
                _Convolution("branch7x7dbl_4", width, (7, 1)),
                _Convolution("branch7x7dbl_5", 192, (1, 7)),
            )
        ),
        _Branch((_Convolution("branch_pool", 192),), pooling="average"),
    )


def _last(pooling: Pooling) -> tuple[_Branch, ...]:
    return (
        _Branch((_Convolution("branch1x1", 320),)),
        _Branch(
            (_Convolution("branch3x3_1", 384),),
            (_Convolution("branch3x3_2a", 384, (1, 3)), _Convolution("branch3x3_2b", 384, (3, 1))),
        ),
        _Branch(
            (_Convolution("branch3x3dbl_1", 448), _Convolution("branch3x3dbl_2", 384, (3, 3))),
            (_Convolution("branch3x3dbl_3a", 384, (1, 3)), _Convolution("branch3x3dbl_3b", 384, (3, 1))),
        ),
        _Branch((_Convolution("branch_pool", 192),), pooling=pooling),
    )


_HALVED_35 = (
    _Branch((_Convolution("branch3x3", 384, (3, 3), 2),)),
    _Branch(
        (
            _Convolution("branch3x3dbl_1", 64),
            _Convolution("branch3x3dbl_2", 96, (3, 3)),
            _Convolution("branch3x3dbl_3", 96, (3, 3), 2),
        )
    ),
    _Branch((), pooling="halving"),
)
_HALVED_17 = (
    _Branch((_Convolution("branch3x3_1", 192), _Convolution("branch3x3_2", 320, (3, 3), 2))),
    _Branch(
        (
            _Convolution("branch7x7x3_1", 192),
            _Convolution("branch7x7x3_2", 192, (1, 7)),
            _Convolution("branch7x7x3_3", 192, (7, 1)),
            _Convolution("branch7x7x3_4", 192, (3, 3), 2),
        )
    ),
    _Branch((), pooling="halving"),
)
_BLOCKS: tuple[tuple[str, tuple[_Branch, ...]], ...] = (
    ("Mixed_5b", _first(32)),
    ("Mixed_5c", _first(64)),
    ("Mixed_5d", _first(64)),
    ("Mixed_6a", _HALVED_35),
    ("Mixed_6b", _factorised(128)),
    ("Mixed_6c", _factorised(160)),
    ("Mixed_6d", _factorised(160)),
    ("Mixed_6e", _factorised(192)),
    ("Mixed_7a", _HALVED_17),
    ("Mixed_7b", _last("average")),
    ("Mixed_7c", _last("largest")),
)
"""From 35, over 17, to 8 pixels a side."""
