"""Adapter files of the community, recognised by what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from phalanx_worker.artefacts.tensors import file_sha256, read_metadata, read_tensors
from phalanx_worker.artefacts.unchanged import unchanged
from phalanx_worker.model.adapter_layouts import in_kohya_layout
from phalanx_worker.model.embedding_file import (
    PICKLED_SUFFIXES,
    EmbeddingFile,
    broken,
    embedding_file,
    read_pickled_embedding,
    unsupported,
)
from phalanx_worker.model.product_module import SUFFIXES, ProductModule, product_module

DOWN, UP, ALPHA, MAGNITUDE = ".lora_down.weight", ".lora_up.weight", ".alpha", ".dora_scale"
LISTED = 8
"""How many unknown tensors an error names."""


@dataclass(frozen=True, eq=False)
class LoraModule:
    """What a LoRA file holds for one layer."""

    down: Tensor
    up: Tensor
    alpha: float
    """The rank when the file gives none, as everywhere."""
    magnitude: Tensor | None
    """Of a DoRA, one number for each output."""

    @property
    def rank(self) -> int:
        """Width of the bottleneck."""
        return int(self.down.shape[0])


@dataclass(frozen=True, eq=False)
class LoraFile:
    """A LoRA, LoHa or LoKr, by the names of kohya's layout."""

    path: Path
    sha256: str
    modules: Mapping[str, LoraModule | ProductModule]
    """By the name of the layer."""


def read_adapter(path: Path) -> LoraFile | EmbeddingFile:
    """Read a LoRA, LoHa, LoKr or an embedding.

    Raises ArtefactError: `missing-file`, `pickled-file`, `broken-file`, `oversized-file`, `unsupported-adapter`
    (another kind of file), `broken-adapter` (factors that do not belong together), `changed-file` (it became another
    one while it was read).
    """
    with unchanged([path]):
        return _read(path)


def _read(path: Path) -> LoraFile | EmbeddingFile:
    if path.suffix in PICKLED_SUFFIXES:
        return read_pickled_embedding(path)
    tensors = read_tensors(path)
    sha256 = file_sha256(path)
    tensors = in_kohya_layout(tensors, read_metadata(path))
    if any(name.endswith((DOWN, UP, *SUFFIXES)) for name in tensors):
        return LoraFile(path, sha256, _lora_modules(path, tensors))
    return embedding_file(path, sha256, tensors, read_metadata(path))


def _lora_modules(path: Path, tensors: Mapping[str, Tensor]) -> dict[str, LoraModule | ProductModule]:
    unknown = sorted(name for name in tensors if not name.endswith((DOWN, UP, ALPHA, MAGNITUDE, *SUFFIXES)))
    if unknown:
        more = f" and {len(unknown) - LISTED} more" if len(unknown) > LISTED else ""
        raise unsupported(path, f"{', '.join(unknown[:LISTED])}{more} are no parts of a LoRA")
    names = sorted({_layer_name(name) for name in tensors})
    products = {_layer_name(name) for name in tensors if name.endswith(SUFFIXES)}
    return {
        name: product_module(path, name, tensors) if name in products else _lora_module(path, name, tensors)
        for name in names
    }


def _lora_module(path: Path, name: str, tensors: Mapping[str, Tensor]) -> LoraModule:
    down, up, alpha, magnitude = (tensors.get(name + part) for part in (DOWN, UP, ALPHA, MAGNITUDE))
    if down is None or up is None:
        raise broken(path, f"{name} lacks {DOWN if down is None else UP}")
    fits = down.ndim in (2, 4) and up.ndim == down.ndim and down.shape[0] == up.shape[1] and down.shape[0] > 0
    if not fits or not (down.is_floating_point() and up.is_floating_point()):
        raise broken(path, f"{name} has factors {tuple(down.shape)} and {tuple(up.shape)}, which have no common rank")
    if alpha is not None and alpha.numel() != 1:
        raise broken(path, f"the alpha of {name} is not one number")
    if magnitude is not None and (magnitude.numel() != len(up) or magnitude.shape[:1] != up.shape[:1]):
        raise unsupported(path, f"it is a DoRA that has magnitudes {tuple(magnitude.shape)} for {len(up)} outputs")
    given = [tensor for tensor in (down, up, alpha, magnitude) if tensor is not None]
    if not all(bool(tensor.isfinite().all()) for tensor in given):
        raise broken(path, f"{name} holds numbers that are not finite")
    return LoraModule(
        down.float(),
        up.float(),
        float(down.shape[0] if alpha is None else alpha),
        None if magnitude is None else magnitude.float(),
    )


def _layer_name(tensor: str) -> str:
    for part in (DOWN, UP, ALPHA, MAGNITUDE, *SUFFIXES):
        tensor = tensor.removesuffix(part)
    return tensor
