"""How fast each block of a base learns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import get_args

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.base import Base
from phalanx_worker.model.layer_block import LayerBlock, Region, block_counts, camel, refuse_other_count
from phalanx_worker.model.module_names import Part
from phalanx_worker.protocol.messages import BlockRates, RateCurve

REGIONS: tuple[Region, ...] = get_args(Region)


class BlockRateFactors:
    """Factors of learning rates by block, with curves worked out and lengths checked."""

    def __init__(self, settings: BlockRates, base: Base, parts: Sequence[Part]) -> None:
        """Raises ConfigError: `no-such-blocks` (the region is not trained), `block-count`."""
        counts = counts_of_parts(base, parts)
        self._factors = {
            region: _factors(f"blocks.rates.{camel(region)}", given, counts.get(region))
            for region in REGIONS
            if (given := getattr(settings, region)) is not None
        }

    def factor(self, block: LayerBlock | None) -> float:
        """By which the part's learning rate is multiplied."""
        return 1.0 if block is None or block.region not in self._factors else self._factors[block.region][block.index]


def counts_of_parts(base: Base, parts: Sequence[Part]) -> Mapping[Region, int]:
    """How many blocks each region of the chosen parts has."""
    return {
        region: count
        for region, count in block_counts(base).items()
        if ("text-encoder" if "text_encoder" in region else "unet") in parts
    }


def curve_factors(curve: RateCurve, count: int) -> list[float]:
    """`count` factors along a curve, at least two, as `get_block_lr_weight` of sd-scripts computes them."""
    shares = [index / (count - 1) for index in range(count)]
    if curve.curve in ("cosine", "reverse-linear"):
        shares.reverse()
    if curve.curve in ("cosine", "sine"):
        shares = [math.sin(math.pi * share / 2) for share in shares]
    if curve.curve == "zeros":
        shares = [0.0] * count
    return [share + curve.base for share in shares]


def _factors(setting: str, given: RateCurve | tuple[float, ...], count: int | None) -> Sequence[float]:
    refuse_other_count(setting, None if isinstance(given, RateCurve) else len(given), count)
    if not isinstance(given, RateCurve):
        return given
    if count is None or count < 2:
        raise ConfigError(
            f"{setting} is a curve, and the base has one block there. Give one number.",
            code="block-count",
            facts={"setting": setting, "expected": 1, "found": None},
        )
    return curve_factors(given, count)
