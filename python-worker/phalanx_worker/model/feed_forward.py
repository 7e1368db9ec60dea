"""The gated layer of a transformer's feed-forward part (Shazeer, 2020)."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from diffusers.models.activations import GEGLU
from torch import Tensor


class SplitGate:
    """Values and gates as two products, of which the second is changed in place; for passes without gradient.

    One product for both leaves them interleaved in memory, where everything after it takes twice as long.
    """

    def __init__(self, module: GEGLU) -> None:
        self._projection = module.proj

    def __call__(self, rows: Tensor) -> Tensor:
        """[..., width] to [..., inner]."""
        weights, gate_weights = self._projection.weight.chunk(2)
        biases, gate_biases = (None, None) if self._projection.bias is None else self._projection.bias.chunk(2)
        gates = functional.linear(rows, gate_weights, gate_biases)
        torch.ops.aten.gelu_(gates)
        return functional.linear(rows, weights, biases).mul_(gates)
