"""Which layers a LoRA adapts, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.base import Base
from phalanx_worker.model.layer_pattern import matching
from phalanx_worker.model.module_names import NamedLayer, Part, named_layers
from phalanx_worker.protocol.messages import LoraPattern, LoraTechnique

PARTS: tuple[Part, ...] = ("unet", "text-encoder")


@dataclass(frozen=True, eq=False)
class LayerPlan:
    """A layer that is to be adapted."""

    layer: NamedLayer
    rank: int
    alpha: float


def layer_plans(settings: LoraTechnique, base: Base) -> list[LayerPlan]:
    """All layers of targets and patterns, in the order of the base.

    Raises ConfigError: `no-layers` when a part has no layer of the wanted kind, `unmatched-pattern`, `broken-pattern`.
    """
    layers = {part: named_layers(base, part) for part in PARTS if part in settings.parts}
    chosen = _by_pattern(settings.patterns, [layer for found in layers.values() for layer in found])
    plans: list[LayerPlan] = []
    for part, found in layers.items():
        planned = [plan for layer in found if (plan := _plan(settings, layer, chosen.get(layer))) is not None]
        if not planned:
            raise _nothing(part, base, settings)
        plans.extend(planned)
    return plans


def _plan(settings: LoraTechnique, layer: NamedLayer, pattern: LoraPattern | None) -> LayerPlan | None:
    if pattern is None and layer.target not in settings.targets:
        return None
    rank, alpha = settings.rank, settings.alpha
    if layer.is_wide_convolution:
        rank = settings.convolution_rank or rank
        alpha = settings.convolution_alpha or alpha
    if pattern is not None:
        rank = rank if pattern.rank is None else pattern.rank
        alpha = pattern.alpha or alpha
    return LayerPlan(layer, rank, alpha) if rank > 0 else None


def _by_pattern(patterns: Sequence[LoraPattern], layers: Sequence[NamedLayer]) -> dict[NamedLayer, LoraPattern]:
    return {layer: pattern for pattern in patterns for layer in matching(pattern.match, layers)}


def _nothing(part: Part, base: Base, settings: LoraTechnique) -> ConfigError:
    targets = ", ".join(settings.targets)
    return ConfigError(
        f"The {part} of {base.folder} has no layers to adapt; the targets are {targets or 'empty'}. "
        "Choose other parts, targets or patterns.",
        code="no-layers",
        facts={"part": part, "targets": targets},
    )
