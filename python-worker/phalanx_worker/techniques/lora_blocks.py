"""What a LoRA's settings say about each block."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, get_args

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.base import Base
from phalanx_worker.model.layer_block import LayerBlock, Region, block_counts, camel, refuse_other_count
from phalanx_worker.model.module_names import Part
from phalanx_worker.protocol.messages import LoraBlocks, LoraCurve

Number = TypeVar("Number", int, float)
Lists = Mapping[Region, Sequence[Number]]
REGIONS: tuple[Region, ...] = get_args(Region)


class BlockValues:
    """Ranks, alphas and factors of learning rates by block, with curves worked out and lengths checked."""

    def __init__(self, settings: LoraBlocks, base: Base, parts: Sequence[Part]) -> None:
        """Raises ConfigError: `no-such-blocks` (the region is not adapted), `block-count`."""
        self._counts = {
            region: count
            for region, count in block_counts(base).items()
            if ("text-encoder" if "text_encoder" in region else "unet") in parts
        }
        self._rates = {
            region: self._factors(f"rates.{region}", region, given)
            for region in REGIONS
            if (given := getattr(settings.rates, region)) is not None
        }
        self._ranks: Lists[int] = self._lists("ranks", settings.ranks)
        self._alphas: Lists[float] = self._lists("alphas", settings.alphas)
        self._convolution_ranks: Lists[int] = self._lists("convolutionRanks", settings.convolution_ranks)
        self._convolution_alphas: Lists[float] = self._lists("convolutionAlphas", settings.convolution_alphas)

    def rate_factor(self, block: LayerBlock | None) -> float:
        """By which the part's learning rate is multiplied."""
        factor = _at(self._rates, block)
        return 1.0 if factor is None else factor

    def rank(self, block: LayerBlock | None, convolution: bool) -> int | None:
        """None leaves it to the kind of the layer; 0 leaves the layer out."""
        return _at(self._convolution_ranks if convolution else self._ranks, block)

    def alpha(self, block: LayerBlock | None, convolution: bool) -> float | None:
        """None leaves it to the kind of the layer."""
        return _at(self._convolution_alphas if convolution else self._alphas, block)

    def _lists(self, name: str, values: object) -> Lists[Any]:
        # Convolutions lie in the UNet alone, and so do their settings.
        read = {region: getattr(values, region, None) for region in REGIONS}
        given = {region: found for region, found in read.items() if found is not None}
        for region, found in given.items():
            self._check(f"{name}.{region}", region, len(found))
        return given

    def _factors(self, name: str, region: Region, given: LoraCurve | tuple[float, ...]) -> Sequence[float]:
        if not isinstance(given, LoraCurve):
            self._check(name, region, len(given))
            return given
        self._check(name, region, None)
        count = self._counts[region]
        if count == 1:
            raise ConfigError(
                f"blocks.{camel(name)} is a curve, and the base has one block there. Give one number.",
                code="block-count",
                facts={"setting": f"blocks.{camel(name)}", "expected": 1, "found": None},
            )
        return curve_factors(given, count)

    def _check(self, name: str, region: Region, found: int | None) -> None:
        refuse_other_count(f"blocks.{camel(name)}", found, self._counts.get(region))


def curve_factors(curve: LoraCurve, count: int) -> list[float]:
    """`count` factors along a curve, at least two, as `get_block_lr_weight` of sd-scripts computes them."""
    shares = [index / (count - 1) for index in range(count)]
    if curve.curve in ("cosine", "reverse-linear"):
        shares.reverse()
    if curve.curve in ("cosine", "sine"):
        shares = [math.sin(math.pi * share / 2) for share in shares]
    if curve.curve == "zeros":
        shares = [0.0] * count
    return [share + curve.base for share in shares]


def _at(values: Lists[Number], block: LayerBlock | None) -> Number | None:
    return None if block is None or block.region not in values else values[block.region][block.index]
