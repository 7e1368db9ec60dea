"""The difference of two bases as low-rank factors: truncated singular value decompositions (Eckart and Young, 1936)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.save import STORED_TYPES, StoredType
from phalanx_worker.protocol.messages import LowRankSize

SAFETENSORS_NAMES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
ALPHA_BYTES = 4
"""Alpha is stored as float32, which holds every rank exactly."""


@dataclass(frozen=True, eq=False)
class ChangedLayer:
    """A linear or convolutional layer before and after."""

    name: str
    """In files."""
    before: Tensor
    after: Tensor
    """Of the same shape, [out, in] or [out, in, height, width]."""

    def change(self) -> Tensor:
        """[out, in * height * width], as float32."""
        return (self.after.detach().float() - self.before.detach().float()).flatten(1)

    @property
    def side(self) -> int:
        """The smaller side of the change as a matrix: the largest rank that adds anything."""
        out, *inner = self.before.shape
        return min(out, math.prod(inner))

    def shapes(self, rank: int) -> dict[str, tuple[int, ...]]:
        """Of the stored tensors, as kohya's `networks/lora.py` has them."""
        out, *inner = self.before.shape
        return {
            f"{self.name}.alpha": (),
            f"{self.name}.lora_down.weight": (rank, *inner),
            f"{self.name}.lora_up.weight": (out, rank, *[1] * len(inner[1:])),
        }


@dataclass(frozen=True)
class LowRankDifference:
    """Factors of all layers, ready to be stored, and how well they fit."""

    tensors: Mapping[str, Tensor]
    """`<layer>.lora_down.weight`, `.lora_up.weight` and `.alpha`, which is the rank, so that the scale is 1."""
    ranks: Mapping[str, int]
    squared_error: float
    """Of the stored numbers: what the factors leave of the changes, the sum of squares over all layers."""
    squared_change: float
    """The sum of squares of the changes themselves."""
    cut_layers: int
    """Layers whose sides are smaller than the rank that was asked for; they are stored without loss but rounding."""

    @property
    def relative_error(self) -> float:
        """Frobenius norm of what is left over that of the changes."""
        return math.sqrt(self.squared_error / self.squared_change)


def low_rank_difference(
    layers: Sequence[ChangedLayer],
    size: LowRankSize,
    weights: StoredType,
    metadata: Mapping[str, str],
    progress: Callable[[int, int], None],
) -> LowRankDifference:
    """Factors of a rank, or those that fit best into a file of a size.

    Within a size every layer gets rank 1, and then whichever rank takes away the most of the squared error for each
    byte is added. `metadata` is only counted. `progress` is told the layers done.
    Raises ConfigError: `no-difference`, `file-too-small` (with the least size).
    """
    changed = [layer for layer in layers if not torch.equal(layer.before, layer.after)]
    if not changed:
        raise ConfigError(
            "No linear or convolutional layer of UNet and text encoder differs, so there is nothing to extract. "
            "Name another base, or train longer.",
            code="no-difference",
            facts={"layers": len(layers)},
        )
    if size.bytes is not None:
        first = len(changed)
        wanted = _ranks_within(size.bytes, changed, weights, metadata, lambda done: progress(done, 2 * first))
    elif size.rank is not None:
        first = 0
        wanted = dict.fromkeys((layer.name for layer in changed), size.rank)
    else:
        raise ValueError("a size is a rank or a number of bytes")
    tensors: dict[str, Tensor] = {}
    ranks: dict[str, int] = {}
    error = total = 0.0
    for done, layer in enumerate(changed, start=1):
        change = layer.change()
        rank = min(wanted[layer.name], layer.side)
        down, up = (factor.to(STORED_TYPES[weights]) for factor in truncated(change, rank))
        error += float((change - up.float() @ down.float()).square().sum(dtype=torch.float64))
        total += float(change.square().sum(dtype=torch.float64))
        shapes = layer.shapes(rank)
        flat = {"lora_down.weight": down, "lora_up.weight": up, "alpha": torch.tensor(float(rank))}
        tensors |= {
            f"{layer.name}.{end}": tensor.cpu().view(shapes[f"{layer.name}.{end}"]) for end, tensor in flat.items()
        }
        ranks[layer.name] = rank
        progress(first + done, first + len(changed))
    cut = sum(wanted[layer.name] > layer.side for layer in changed)
    return LowRankDifference(tensors, ranks, error, total, cut)


def truncated(change: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """`down` [rank, in] and `up` [out, rank], whose product is the nearest matrix of that rank to a change.

    Each takes the roots of the singular values, so that neither is out of the range of half precision alone.
    """
    left, values, right = torch.linalg.svd(change, full_matrices=False)
    roots = values[:rank].sqrt()
    return (roots[:, None] * right[:rank]).contiguous(), (left[:, :rank] * roots).contiguous()


def file_bytes(shapes: Mapping[str, tuple[int, ...]], weights: StoredType, metadata: Mapping[str, str]) -> int:
    """The size of a safetensors file of such tensors, or some bytes more: every offset is taken for the longest."""
    kind = STORED_TYPES[weights]
    sizes = {
        name: ALPHA_BYTES if name.endswith(".alpha") else math.prod(shape) * kind.itemsize
        for name, shape in shapes.items()
    }
    total = sum(sizes.values())
    entries = {
        name: {
            "dtype": "F32" if name.endswith(".alpha") else SAFETENSORS_NAMES[kind],
            "shape": list(shape),
            "data_offsets": [total, total],
        }
        for name, shape in shapes.items()
    }
    header = json.dumps({"__metadata__": dict(metadata), **entries}, separators=(",", ":"), ensure_ascii=False)
    # The length of the header comes first, and padding makes it a multiple of 8.
    return 8 + math.ceil(len(header.encode()) / 8) * 8 + total


def result_bytes(layers: Sequence[ChangedLayer], size: LowRankSize, weights: StoredType) -> int:
    """The size of a file without metadata of layers that all differ."""
    return size.bytes or file_bytes(_all_shapes(layers, size.rank), weights, {})


def _ranks_within(
    limit: int,
    layers: Sequence[ChangedLayer],
    weights: StoredType,
    metadata: Mapping[str, str],
    progress: Callable[[int], None],
) -> dict[str, int]:
    costs = {layer.name: sum(layer.change().shape) * STORED_TYPES[weights].itemsize for layer in layers}
    # With all ranks, numbers in the header are the longest; the difference is some digits.
    whole = file_bytes(_all_shapes(layers, None), weights, metadata)
    header = whole - sum(layer.side * costs[layer.name] for layer in layers)
    least = header + sum(costs.values())
    if limit < least:
        raise ConfigError(
            f"A file of {limit} bytes is too small for the {len(layers)} layers that differ: with rank 1 it has "
            f"{least} bytes in {weights}. Allow that much"
            f"{', or store float16' if weights == 'float32' else ''}.",
            code="file-too-small",
            facts={"bytes": limit, "least": least, "layers": len(layers)},
        )
    gains: list[tuple[float, str]] = []
    for done, layer in enumerate(layers, start=1):
        values = torch.linalg.svdvals(layer.change())[1:].double().square() / costs[layer.name]
        gains += [(float(gain), layer.name) for gain in values if gain > 0]
        progress(done)
    ranks = dict.fromkeys(costs, 1)
    left = limit - least
    full: set[str] = set()
    # Singular values fall within a layer, and the order is stable: its ranks come one after the other.
    for _, name in sorted(gains, key=lambda gain: -gain[0]):
        if name in full or costs[name] > left:
            full.add(name)
            continue
        ranks[name] += 1
        left -= costs[name]
    return ranks


def _all_shapes(layers: Sequence[ChangedLayer], rank: int | None) -> dict[str, tuple[int, ...]]:
    ranks = {layer: layer.side if rank is None else min(rank, layer.side) for layer in layers}
    return {name: shape for layer, own in ranks.items() for name, shape in layer.shapes(own).items()}
