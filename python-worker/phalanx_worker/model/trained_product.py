"""Trainable LoHas and LoKrs, laid out and started as LyCORIS does (Yeh et al., 2024)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from lycoris.functional import factorization
from torch import Tensor, nn

from phalanx_worker.model.low_rank import Adaptable, kaiming_uniform
from phalanx_worker.model.low_rank_dropout import LayerDropout
from phalanx_worker.model.product_module import ProductModule
from phalanx_worker.streams import Streams


@dataclass(frozen=True, eq=False)
class TrainedProduct:
    """A LoHa or LoKr on a layer, with dropout in training steps."""

    module: ProductModule
    """Its tensors are the parameters."""
    dropout: LayerDropout

    def change(self, weight: Tensor) -> Tensor | None:
        """What is added to `weight`, differentiable in the parameters; None in a step that leaves the layer out."""
        if self.dropout.skipped():
            return None
        # The sum with a weight must not lose what little the first steps change.
        with torch.autocast(weight.device.type, enabled=False):
            change = self.module.change(weight.shape)
            if change is None:
                raise ValueError(f"the factors of {self.dropout.name} do not fit its weight")
            kept = self.dropout.kept_outputs(len(weight))
            return change if kept is None else change * kept.to(change).view(-1, *[1] * (change.ndim - 1))


def loha_factors(layer: Adaptable, rank: int, name: str, streams: Streams) -> dict[str, nn.Parameter]:
    """Four matrices by their names in files, of which `hada_w2_a` is zero, so that nothing is changed yet."""
    out, inner = len(layer.weight), layer.weight[0].numel()

    def normal(factor: str, shape: tuple[int, int], deviation: float) -> Tensor:
        return torch.from_numpy(streams.normal(f"{factor}-initial:{name}", shape, 0, 0)).mul_(deviation)

    return _parameters(
        layer,
        {
            "hada_w1_a": normal("hada_w1_a", (out, rank), 0.1),
            "hada_w1_b": normal("hada_w1_b", (rank, inner), 1.0),
            "hada_w2_a": torch.zeros(out, rank),
            "hada_w2_b": normal("hada_w2_b", (rank, inner), 1.0),
        },
    )


def lokr_factors(
    layer: Adaptable, rank: int, factor: int | None, name: str, streams: Streams
) -> dict[str, nn.Parameter]:
    """Two matrices by their names in files, the second one in factors where `rank` is small enough to save anything.

    It, or its factor `lokr_w2_b`, is zero, so that nothing is changed yet.
    """
    out, inner, *kernel = layer.weight.shape
    (small_out, large_out), (small_in, large_in) = (factorization(width, factor or -1) for width in (out, inner))
    first = {"lokr_w1": kaiming_uniform((small_out, small_in), f"lokr_w1-initial:{name}", streams)}
    if rank >= max(large_out, large_in) / 2:
        return _parameters(layer, first | {"lokr_w2": torch.zeros(large_out, large_in, *kernel)})
    second = {
        "lokr_w2_a": kaiming_uniform((large_out, rank), f"lokr_w2_a-initial:{name}", streams),
        "lokr_w2_b": torch.zeros(rank, large_in * math.prod(kernel)),
    }
    return _parameters(layer, first | second)


def _parameters(layer: Adaptable, tensors: Mapping[str, Tensor]) -> dict[str, nn.Parameter]:
    return {name: nn.Parameter(tensor.to(layer.weight.device)) for name, tensor in tensors.items()}
