"""How strongly an adapter changes each layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from phalanx_worker.model.base import Base
from phalanx_worker.model.layer_block import Region, block_counts, camel, layer_block, refuse_other_count
from phalanx_worker.model.module_names import Part, named_layers
from phalanx_worker.protocol.messages import AdapterReference


def layer_strengths(reference: AdapterReference, base: Base) -> Mapping[str, float]:
    """The strength of every layer by its name in files: the adapter's, times its part's, times its block's.

    Raises ConfigError (`no-such-blocks`, `block-count`) when a list does not fit the base.
    """
    shares = _block_shares(reference, base)
    parts: dict[Part, float] = {"unet": reference.unet_strength, "text-encoder": reference.text_encoder_strength}
    strengths: dict[str, float] = {}
    for part, share in parts.items():
        for layer in named_layers(base, part):
            block = layer_block(layer.module, layer.path, base) if shares else None
            of_block = 1.0 if block is None or block.region not in shares else shares[block.region][block.index]
            strengths[layer.name] = reference.strength * share * of_block
    return strengths


def _block_shares(reference: AdapterReference, base: Base) -> dict[Region, tuple[float, ...]]:
    counts = block_counts(base)
    shares: dict[Region, tuple[float, ...]] = {}
    for region in get_args(Region):
        given: tuple[float, ...] | None = getattr(reference.blocks, region)
        if given is not None:
            refuse_other_count(f"adapters.blocks.{camel(region)}", len(given), counts.get(region))
            shares[region] = given
    return shares
