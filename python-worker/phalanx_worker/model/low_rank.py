"""Low-rank changes to linear and convolutional layers (Hu et al., 2021), with the mathematics of kohya sd-scripts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeGuard

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from phalanx_worker.model.low_rank_dropout import LayerDropout
from phalanx_worker.streams import Streams

Adaptable = nn.Linear | nn.Conv2d


@dataclass(frozen=True, eq=False)
class LowRankFactors:
    """One change `scale * up @ down` of a layer's weight."""

    down: Tensor
    """[rank, in] of a linear layer, [rank, in, height, width] of a convolution."""
    up: Tensor
    """[out, rank] or [out, rank, 1, 1]."""
    scale: float
    """alpha / rank, times the strength unless there is a magnitude."""
    magnitude: Tensor | None = None
    """Length of each row of the changed weight, [out, 1] or [out, 1, 1, 1] (DoRA, Liu et al., 2024)."""
    strength: float = 1.0
    """With a magnitude, the share of the whole change that takes effect."""
    dropout: LayerDropout | None = None

    @property
    def rank(self) -> int:
        """Width of the bottleneck."""
        return int(self.down.shape[0])


class WeightChange(Protocol):
    """A change of a layer's whole weight that has no bottleneck to pass rows through."""

    def change(self, weight: Tensor) -> Tensor | None:
        """What is added to `weight`, in its shape and in float32; None adds nothing now."""
        ...


def is_adaptable(module: nn.Module) -> TypeGuard[Adaptable]:
    """Whether a layer takes low-rank changes: linear, or a convolution without groups or unusual padding."""
    if isinstance(module, nn.Conv2d):
        return module.groups == 1 and module.padding_mode == "zeros" and not isinstance(module.padding, str)
    return isinstance(module, nn.Linear)


def factor_shapes(module: Adaptable, rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of `down` and `up` for a layer; the convolution with `up` is 1x1."""
    out, *inner = module.weight.shape
    return (rank, *inner), (out, rank, *[1] * len(inner[1:]))


def full_rank(module: Adaptable) -> int:
    """The largest rank that a change of a layer's weight can have."""
    out, *inner = module.weight.shape
    return min(int(out), math.prod(inner))


def initial_factors(module: Adaptable, rank: int, name: str, streams: Streams) -> tuple[nn.Parameter, nn.Parameter]:
    """`down` uniform within 1 / sqrt(fan in), which is kaiming uniform with a = sqrt(5), and `up` zero.

    The draw depends on the stream's seed and `name` alone, never on what else is made before it.
    """
    down_shape, up_shape = factor_shapes(module, rank)
    down = kaiming_uniform(down_shape, f"low-rank-initial:{name}", streams)
    device = module.weight.device
    return nn.Parameter(down.to(device)), nn.Parameter(torch.zeros(up_shape, device=device))


def kaiming_uniform(shape: tuple[int, ...], purpose: str, streams: Streams) -> Tensor:
    """Uniform within 1 / sqrt(fan in), which is kaiming uniform with a = sqrt(5)."""
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    unit = streams.generator(purpose).random(shape, dtype="float32")
    return torch.from_numpy(unit).mul_(2 * bound).sub_(bound)


def changed_weight(weight: Tensor, factors: Iterable[LowRankFactors]) -> Tensor:
    """`weight` plus all changes, differentiable in their factors.

    Each change is one of `weight`, whatever others there are.
    """
    changed = weight.flatten(1)
    for item in factors:
        if item.magnitude is None:
            changed = torch.addmm(changed, item.up.flatten(1), item.down.flatten(1), alpha=item.scale)
        else:
            directed = row_scales(weight, item) * _directed(weight, item)
            changed = changed + item.strength * (directed - weight.flatten(1))
    return changed.view_as(weight)


def row_lengths(weight: Tensor) -> Tensor:
    """Euclidean length of what each output is computed with, [out, 1] or [out, 1, 1, 1]."""
    lengths: Tensor = torch.linalg.vector_norm(weight.flatten(1), dim=1)
    return lengths.view(-1, *[1] * (weight.ndim - 1))


def row_scales(weight: Tensor, item: LowRankFactors) -> Tensor:
    """Magnitude over length of each row, [out, 1]; the length is a constant to gradients, as in the paper and PEFT."""
    if item.magnitude is None:
        raise ValueError("the change has no magnitude")
    return item.magnitude.flatten(1) / row_lengths(_directed(weight, item).detach())


def _directed(weight: Tensor, item: LowRankFactors) -> Tensor:
    return torch.addmm(weight.flatten(1), item.up.flatten(1), item.down.flatten(1), alpha=item.scale)


class LowRankLayer:
    """Stands in for the forward pass of one layer while changes are attached; the layer's own weight stays as it is.

    The result is the same whether the changes are added to the weight first or to the output afterwards. The first
    costs a gradient of the whole weight, the second three passes of every row through the bottleneck, so each call
    takes the one with fewer multiplications.
    """

    def __init__(self, module: Adaptable) -> None:
        self._module = module
        self.factors: list[LowRankFactors] = []
        self.others: list[WeightChange] = []

    def weight(self) -> Tensor:
        """The layer's weight with all changes."""
        return sum(self._other_changes(), changed_weight(self._module.weight, self.factors))

    def __call__(self, rows: Tensor) -> Tensor:
        module = self._module
        changes = self._other_changes()
        if not changes:
            return self._with_factors(rows)
        if not self.factors and self._is_precise(rows):
            return _transform(module, rows, sum(changes, module.weight), module.bias)
        total = sum(changes[1:], changes[0])
        return self._with_factors(rows) + _transform(module, rows, total, None)

    def _other_changes(self) -> list[Tensor]:
        found = [item.change(self._module.weight) for item in self.others]
        return [change for change in found if change is not None]

    def _with_factors(self, rows: Tensor) -> Tensor:
        module = self._module
        factors = [item for item in self.factors if item.dropout is None or not item.dropout.skipped()]
        thinning = any(item.dropout is not None and item.dropout.active() for item in factors)
        if not thinning and self._merging_is_cheaper(rows):
            return _transform(module, rows, changed_weight(module.weight, factors), module.bias)
        if all(item.magnitude is None for item in factors):
            result = _transform(module, rows, module.weight, module.bias)
            for item in factors:
                result = torch.add(result, _low_rank(module, rows, item), alpha=item.scale)
            return result
        plain = result = _transform(module, rows, module.weight, None)
        for item in factors:
            change = item.scale * _low_rank(module, rows, item)
            if item.magnitude is not None:
                scales = _across(row_scales(module.weight, item), plain)
                change = item.strength * ((scales - 1) * plain + scales * change)
            result = result + change
        return result if module.bias is None else result + _across(module.bias, plain)

    def _is_precise(self, rows: Tensor) -> bool:
        # A weight of lower precision would round small changes away.
        return self._module.weight.dtype == torch.float32 and not torch.is_autocast_enabled(rows.device.type)

    def _merging_is_cheaper(self, rows: Tensor) -> bool:
        weight = self._module.weight
        if not self._is_precise(rows):
            return False
        out = weight.shape[0]
        inner = weight[0].numel()
        count = rows.numel() // weight.shape[1]
        if isinstance(self._module, nn.Conv2d):
            count = count // math.prod(self._module.stride)
        rank = sum(item.rank for item in self.factors)
        if not torch.is_grad_enabled():
            return rank * inner * out < count * rank * (inner + out)
        return count * inner * out + 3 * rank * inner * out < 3 * count * rank * (inner + out)


def attach(module: Adaptable, change: LowRankFactors | WeightChange) -> None:
    """Add a change to a layer; any number may be attached at once."""
    layer = low_rank_layer(module)
    if layer is None:
        layer = LowRankLayer(module)
        module.forward = layer  # type: ignore[method-assign, assignment]
    if isinstance(change, LowRankFactors):
        layer.factors.append(change)
    else:
        layer.others.append(change)


def detach(module: Adaptable, change: LowRankFactors | WeightChange) -> None:
    """Take one change off a layer; with the last one the layer's own forward pass is back."""
    layer = low_rank_layer(module)
    if layer is None or (change not in layer.factors and change not in layer.others):
        raise ValueError("this change is not attached to this layer")
    if isinstance(change, LowRankFactors):
        layer.factors.remove(change)
    else:
        layer.others.remove(change)
    if not layer.factors and not layer.others:
        del module.forward


def low_rank_layer(module: nn.Module) -> LowRankLayer | None:
    """What stands in for a layer's forward pass, if anything is attached."""
    forward = module.__dict__.get("forward")
    return forward if isinstance(forward, LowRankLayer) else None


@contextmanager
def merged(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Add all attached changes to the weights once, for many forward passes without gradient."""
    adapted = [
        (layer, held)
        for module in modules
        for layer in module.modules()
        if is_adaptable(layer) and (held := low_rank_layer(layer)) is not None
    ]
    with torch.no_grad(), replaced_weights({layer: held.weight() for layer, held in adapted}):
        for layer, _ in adapted:
            del layer.forward
        try:
            yield
        finally:
            for layer, held in adapted:
                layer.forward = held  # type: ignore[method-assign, assignment]


@contextmanager
def replaced_weights(weights: dict[Adaptable, Tensor]) -> Iterator[None]:
    """Give layers other weights for a while; afterwards each has the very tensor it had before."""
    originals = {module: module.weight for module in weights}
    try:
        for module, weight in weights.items():
            module.weight = nn.Parameter(weight, requires_grad=False)
        yield
    finally:
        for module, original in originals.items():
            module.weight = original


def _transform(module: Adaptable, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if isinstance(module, nn.Conv2d):
        # `is_adaptable` admits numeric padding only.
        padding: tuple[int, ...] = module.padding  # type: ignore[assignment]
        return functional.conv2d(rows, weight, bias, module.stride, padding, module.dilation)
    return functional.linear(rows, weight, bias)


def _low_rank(module: Adaptable, rows: Tensor, item: LowRankFactors) -> Tensor:
    hidden = _transform(module, rows, item.down, None)
    if item.dropout is not None:
        hidden = item.dropout.thinned(hidden)
    return functional.conv2d(hidden, item.up) if item.up.ndim == 4 else functional.linear(hidden, item.up)


def _across(values: Tensor, rows: Tensor) -> Tensor:
    """One value for each output, in the shape in which it meets `rows`."""
    return values.view(1, -1, 1, 1) if rows.ndim == 4 else values.flatten()
