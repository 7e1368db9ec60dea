"""Changes of LyCORIS that are products of products: LoHa and LoKr (Yeh et al., 2024)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from lycoris.functional import loha, lokr
from torch import Tensor

from phalanx_worker.model.embedding_file import broken, unsupported

LOHA = ("hada_w1_b", "hada_w1_a", "hada_w2_b", "hada_w2_a", "hada_t1", "hada_t2")
LOKR = ("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2")
"""In the order in which LyCORIS takes them."""
SUFFIXES = tuple(f".{name}" for name in (*LOHA, *LOKR))


@dataclass(frozen=True, eq=False)
class ProductModule:
    """What a LoHa or LoKr file holds for one layer."""

    kind: Literal["LoHa", "LoKr"]
    tensors: Mapping[str, Tensor]
    """By their names behind the layer's."""
    alpha: float | None

    def change(self, shape: torch.Size) -> Tensor | None:
        """What is added to a weight of `shape`; None when it does not fit."""
        names, made = (LOHA, loha.diff_weight) if self.kind == "LoHa" else (LOKR, lokr.diff_weight)
        # The product of LoHas keeps its factor for the backward pass, where a plain number is refused.
        gamma = torch.tensor(self._gamma()) if self.kind == "LoHa" else self._gamma()
        try:
            given = made(*map(self.tensors.get, names), gamma=gamma, backend="torch")
        except (RuntimeError, ValueError, IndexError):
            return None
        found: Tensor = given
        return found.reshape(shape) if found.numel() == shape.numel() and found.shape[0] == shape[0] else None

    def _gamma(self) -> float:
        if self.kind == "LoHa":
            rank = len(self.tensors["hada_w1_b"])
            return (self.alpha or rank) / rank
        inner = self.tensors.get("lokr_w1_b", self.tensors.get("lokr_w2_b"))
        if inner is None:
            # The product of two whole factors is taken as it is.
            return 1.0
        # LyCORIS divides once more, by what is the rank but for a Tucker decomposition.
        outer = self.tensors.get("lokr_w1_a", self.tensors.get("lokr_w2_a"))
        divisor = 1 if outer is None else outer.shape[1]
        return (self.alpha or len(inner)) / len(inner) * divisor


def product_module(path: Path, name: str, tensors: Mapping[str, Tensor]) -> ProductModule:
    """The module of the layer `name`; raises ArtefactError (`broken-adapter`, `unsupported-adapter`)."""
    start = f"{name}."
    own = {key.removeprefix(start): tensor for key, tensor in tensors.items() if key.startswith(start)}
    if "dora_scale" in own:
        raise unsupported(path, f"{name} is a LoHa or LoKr with magnitudes")
    alpha = own.pop("alpha", None)
    if alpha is not None and alpha.numel() != 1:
        raise broken(path, f"the alpha of {name} is not one number")
    given = [*own.values(), *([] if alpha is None else [alpha])]
    if not all(tensor.is_floating_point() and bool(tensor.isfinite().all()) for tensor in given):
        raise broken(path, f"{name} holds numbers that are not finite")
    kind: Literal["LoHa", "LoKr"] = "LoHa" if "hada_w1_a" in own else "LoKr"
    missing = _missing(kind, own)
    if missing is not None:
        raise broken(path, f"{name} lacks .{missing}")
    floats = {key: tensor.float() for key, tensor in own.items()}
    return ProductModule(kind, floats, None if alpha is None else float(alpha))


def _missing(kind: str, own: Mapping[str, Tensor]) -> str | None:
    if kind == "LoHa":
        wanted = [*LOHA[:4], *(LOHA[4:] if own.keys() & set(LOHA[4:]) else ())]
    else:
        wanted = [] if "lokr_w1" in own else ["lokr_w1_a", "lokr_w1_b"]
        wanted += [] if "lokr_w2" in own else ["lokr_w2_a", "lokr_w2_b"]
    return next((name for name in wanted if name not in own), None)
