"""A layer of a base with its trained factors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from phalanx_worker.model.adapter_file import ALPHA, DOWN, MAGNITUDE, UP
from phalanx_worker.model.low_rank import LowRankFactors, WeightChange, attach, initial_factors, row_lengths
from phalanx_worker.model.low_rank_dropout import Dropout, LayerDropout
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.lora_layers import LayerPlan


class TrainedLayer(Protocol):
    """A layer of the base with what is trained on it."""

    @property
    def plan(self) -> LayerPlan:
        """Which layer it is, and how it is adapted."""
        ...

    @property
    def change(self) -> LowRankFactors | WeightChange:
        """What is attached to the layer."""
        ...

    def parameters(self) -> dict[str, nn.Parameter]:
        """By their names in the file."""
        ...

    def stored(self) -> dict[str, Tensor]:
        """What the file holds for the layer."""
        ...


@dataclass(frozen=True, eq=False)
class AdaptedLayer:
    """A layer of the base with its trained factors."""

    plan: LayerPlan
    down: nn.Parameter
    up: nn.Parameter
    magnitude: nn.Parameter | None
    change: LowRankFactors

    @property
    def name(self) -> str:
        """As in the file."""
        return self.plan.layer.name

    def parameters(self) -> dict[str, nn.Parameter]:
        """By their names in the file."""
        named = {self.name + DOWN: self.down, self.name + UP: self.up}
        return named if self.magnitude is None else named | {self.name + MAGNITUDE: self.magnitude}

    def stored(self) -> dict[str, Tensor]:
        """What the file holds for the layer."""
        trained = {name: parameter.detach() for name, parameter in self.parameters().items()}
        return trained | {self.name + ALPHA: torch.tensor(self.plan.alpha)}

    def limit_norm(self, largest: float) -> None:
        """Scale both factors alike until their product's Frobenius norm, times alpha / rank, is at most `largest`."""
        with torch.no_grad():
            down, up = self.down.flatten(1), self.up.flatten(1)
            # The trace of (up down)(up down)^T, without a matrix of the weight's size.
            squared = ((up.T @ up) * (down @ down.T)).sum().clamp(min=0)
            norm = float(squared.sqrt()) * self.change.scale
            if norm > largest:
                share = (largest / norm) ** 0.5
                self.down.mul_(share)
                self.up.mul_(share)


def adapt(plan: LayerPlan, decomposed: bool, dropout: Dropout, streams: Streams) -> AdaptedLayer:
    """Put trainable factors on a layer, which change nothing yet."""
    named = plan.layer
    down, up = initial_factors(named.layer, plan.rank, named.name, streams)
    magnitude = nn.Parameter(row_lengths(named.layer.weight.detach())) if decomposed else None
    factors = LowRankFactors(
        down, up, plan.alpha / plan.rank, magnitude, dropout=LayerDropout(dropout, named.part, named.name)
    )
    attach(named.layer, factors)
    return AdaptedLayer(plan, down, up, magnitude, factors)
