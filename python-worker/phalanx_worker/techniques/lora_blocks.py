"""What a LoRA's settings say about each block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from phalanx_worker.model.base import Base
from phalanx_worker.model.layer_block import LayerBlock, Region, camel, refuse_other_count
from phalanx_worker.model.module_names import Part
from phalanx_worker.protocol.messages import LoraBlocks
from phalanx_worker.techniques.block_rates import REGIONS, BlockRateFactors, counts_of_parts

Number = TypeVar("Number", int, float)
Lists = Mapping[Region, Sequence[Number]]


class BlockValues:
    """Ranks, alphas and factors of learning rates by block, with curves worked out and lengths checked."""

    def __init__(self, settings: LoraBlocks, base: Base, parts: Sequence[Part]) -> None:
        """Raises ConfigError: `no-such-blocks` (the region is not adapted), `block-count`."""
        self._counts = counts_of_parts(base, parts)
        self._rates = BlockRateFactors(settings.rates, base, parts)
        self._ranks: Lists[int] = self._lists("ranks", settings.ranks)
        self._alphas: Lists[float] = self._lists("alphas", settings.alphas)
        self._convolution_ranks: Lists[int] = self._lists("convolutionRanks", settings.convolution_ranks)
        self._convolution_alphas: Lists[float] = self._lists("convolutionAlphas", settings.convolution_alphas)

    def rate_factor(self, block: LayerBlock | None) -> float:
        """By which the part's learning rate is multiplied."""
        return self._rates.factor(block)

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
            refuse_other_count(f"blocks.{name}.{camel(region)}", len(found), self._counts.get(region))
        return given


def _at(values: Lists[Number], block: LayerBlock | None) -> Number | None:
    return None if block is None or block.region not in values else values[block.region][block.index]
