"""Which layers a low-rank technique adapts, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.base import Base
from phalanx_worker.model.layer_block import LayerBlock, layer_block
from phalanx_worker.model.layer_pattern import full_path, matching
from phalanx_worker.model.module_names import NamedLayer, Part, named_layers
from phalanx_worker.protocol.messages import LohaTechnique, LokrTechnique, LoraPattern, LoraTechnique
from phalanx_worker.techniques.lora_blocks import BlockValues

LayeredSettings = LoraTechnique | LohaTechnique | LokrTechnique
"""Settings that choose layers."""
WHOLE = 1 << 30
"""Stands for the rank where there is no bottleneck."""
PARTS: tuple[Part, ...] = ("unet", "text-encoder")


@dataclass(frozen=True, eq=False)
class LayerPlan:
    """A layer that is to be adapted."""

    layer: NamedLayer
    rank: int
    """`WHOLE` for a LoKr without one."""
    alpha: float
    rate_factor: float
    """By which the part's learning rate is multiplied."""

    @property
    def reached_rank(self) -> int:
        """The rank, or without a bottleneck the largest that the weight can have."""
        weight = self.layer.layer.weight
        return min(len(weight), weight[0].numel()) if self.rank == WHOLE else self.rank


def layer_plans(settings: LayeredSettings, base: Base) -> list[LayerPlan]:
    """All layers of targets and patterns, in the order of the base.

    Raises ConfigError: `no-layers` when a part has no layer of the wanted kind, `unmatched-pattern`, `broken-pattern`,
    `no-such-blocks`, `block-count`.
    """
    layers = {part: named_layers(base, part) for part in PARTS if part in settings.parts}
    values = BlockValues(settings.blocks, base, settings.parts)
    chosen = _by_pattern(settings.patterns, [layer for found in layers.values() for layer in found])
    plans: list[LayerPlan] = []
    for part, found in layers.items():
        wanted = [layer for layer in found if layer.target in settings.targets or layer in chosen]
        planned = [
            _plan(settings, layer, chosen.get(layer), values, layer_block(layer.module, layer.path, base))
            for layer in wanted
        ]
        kept = [plan for plan in planned if plan.rank > 0 and plan.rate_factor > 0]
        if not kept:
            raise _nothing(part, base, settings)
        plans.extend(kept)
    return plans


def _plan(
    settings: LayeredSettings,
    layer: NamedLayer,
    pattern: LoraPattern | None,
    values: BlockValues,
    block: LayerBlock | None,
) -> LayerPlan:
    ranks = [values.rank(block, False), settings.rank]
    alphas = [values.alpha(block, False), settings.alpha]
    if layer.is_wide_convolution:
        ranks = [values.rank(block, True), settings.convolution_rank, *ranks]
        alphas = [values.alpha(block, True), settings.convolution_alpha, *alphas]
    if pattern is not None:
        ranks, alphas = [pattern.rank, *ranks], [pattern.alpha, *alphas]
    rank = next((rank for rank in ranks if rank is not None), WHOLE)
    alpha = next(alpha for alpha in alphas if alpha is not None)
    return LayerPlan(layer, rank, alpha, values.rate_factor(block))


def _by_pattern(patterns: Sequence[LoraPattern], layers: Sequence[NamedLayer]) -> dict[NamedLayer, LoraPattern]:
    by_path = {full_path(layer): layer for layer in layers}
    return {by_path[path]: pattern for pattern in patterns for path in matching(pattern.match, list(by_path))}


def _nothing(part: Part, base: Base, settings: LayeredSettings) -> ConfigError:
    targets = ", ".join(settings.targets)
    return ConfigError(
        f"The {part} of {base.folder} has no layers to adapt; the targets are {targets or 'empty'}. "
        "Choose other parts, targets, patterns or blocks.",
        code="no-layers",
        facts={"part": part, "targets": targets},
    )
