"""Adapter files of the community, recognised by what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from phalanx_worker.artefacts.tensors import file_sha256, read_tensors
from phalanx_worker.errors import ArtefactError

DOWN, UP, ALPHA = ".lora_down.weight", ".lora_up.weight", ".alpha"
WEB_UI_EMBEDDING = "emb_params"
"""Name of the one tensor in embeddings written by A1111, whose token is the file's name."""
FOREIGN_LAYOUTS = {
    "hada_": "a LoHa",
    "lokr_": "a LoKr",
    "dora_scale": "a DoRA",
    "lora_A.": "a LoRA in the layout of PEFT",
    "lora.up.": "a LoRA in the former layout of diffusers",
}
"""Part of a tensor's name to what such a file is."""


@dataclass(frozen=True, eq=False)
class LoraModule:
    """What a LoRA file holds for one layer."""

    down: Tensor
    up: Tensor
    alpha: float
    """The rank when the file gives none, as everywhere."""

    @property
    def rank(self) -> int:
        """Width of the bottleneck."""
        return int(self.down.shape[0])


@dataclass(frozen=True, eq=False)
class LoraFile:
    """A LoRA in kohya's layout."""

    path: Path
    sha256: str
    modules: Mapping[str, LoraModule]
    """By the name of the layer."""


@dataclass(frozen=True, eq=False)
class EmbeddingFile:
    """A textual-inversion embedding of one vector."""

    path: Path
    sha256: str
    token: str
    vector: Tensor
    """[width]"""


def read_adapter(path: Path) -> LoraFile | EmbeddingFile:
    """Read a LoRA or an embedding.

    Raises ArtefactError: `missing-file`, `pickled-file`, `broken-file`, `unsupported-adapter` (another kind of file),
    `broken-adapter` (factors that do not belong together).
    """
    tensors = read_tensors(path)
    sha256 = file_sha256(path)
    for part, kind in FOREIGN_LAYOUTS.items():
        if any(part in name for name in tensors):
            raise _unsupported(path, f"it is {kind}")
    if any(name.endswith((DOWN, UP)) for name in tensors):
        return LoraFile(path, sha256, _lora_modules(path, tensors))
    return _embedding(path, sha256, tensors)


def _lora_modules(path: Path, tensors: Mapping[str, Tensor]) -> dict[str, LoraModule]:
    unknown = sorted(name for name in tensors if not name.endswith((DOWN, UP, ALPHA)))
    if unknown:
        raise _unsupported(path, f"its tensor {unknown[0]!r} is no part of a LoRA")
    names = sorted({name.removesuffix(DOWN).removesuffix(UP).removesuffix(ALPHA) for name in tensors})
    return {name: _lora_module(path, name, tensors) for name in names}


def _lora_module(path: Path, name: str, tensors: Mapping[str, Tensor]) -> LoraModule:
    down, up, alpha = (tensors.get(name + part) for part in (DOWN, UP, ALPHA))
    if down is None or up is None:
        raise _broken(path, f"{name} lacks {DOWN if down is None else UP}")
    fits = down.ndim in (2, 4) and up.ndim == down.ndim and down.shape[0] == up.shape[1] and down.shape[0] > 0
    if not fits or not (down.is_floating_point() and up.is_floating_point()):
        raise _broken(path, f"{name} has factors {tuple(down.shape)} and {tuple(up.shape)}, which have no common rank")
    if alpha is not None and alpha.numel() != 1:
        raise _broken(path, f"the alpha of {name} is not one number")
    whole = down.isfinite().all() and up.isfinite().all() and (alpha is None or alpha.isfinite().all())
    if not whole:
        raise _broken(path, f"{name} holds numbers that are not finite")
    return LoraModule(down.float(), up.float(), float(down.shape[0] if alpha is None else alpha))


def _embedding(path: Path, sha256: str, tensors: Mapping[str, Tensor]) -> EmbeddingFile:
    if len(tensors) != 1:
        example = ", ".join(sorted(tensors)[:3]) or "nothing"
        raise _unsupported(path, f"it holds {len(tensors)} tensors ({example})")
    name, tensor = next(iter(tensors.items()))
    if not tensor.is_floating_point() or tensor.ndim not in (1, 2):
        raise _unsupported(path, f"its tensor {name!r} is no embedding: {tensor.dtype} {tuple(tensor.shape)}")
    rows = tensor.float().reshape(-1, tensor.shape[-1])
    if rows.shape[0] != 1:
        raise _unsupported(path, f"the embedding {name!r} has {rows.shape[0]} vectors, only one is supported")
    if not rows.isfinite().all():
        raise _broken(path, f"the embedding {name!r} holds numbers that are not finite")
    return EmbeddingFile(path, sha256, path.stem if name == WEB_UI_EMBEDDING else name, rows[0])


def _unsupported(path: Path, why: str) -> ArtefactError:
    return ArtefactError(
        f"{path} is not an adapter that can be used: {why}. Use a LoRA in kohya's layout or an embedding of one token.",
        code="unsupported-adapter",
        facts={"path": str(path)},
    )


def _broken(path: Path, why: str) -> ArtefactError:
    return ArtefactError(
        f"{path} is broken: {why}. Fetch or train it again.", code="broken-adapter", facts={"path": str(path)}
    )
