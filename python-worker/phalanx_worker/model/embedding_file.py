"""Textual-inversion embeddings of the community, in every layout that is shared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from phalanx_worker.artefacts.pickle_values import Instance
from phalanx_worker.artefacts.tensors import file_sha256
from phalanx_worker.artefacts.torch_archive import read_torch_archive
from phalanx_worker.errors import ArtefactError

PICKLED_SUFFIXES = (".pt", ".bin")
"""Names of files that `torch.save` writes; under any other name such a file is refused."""
TOKENS_FIELD = "phalanx.tokens"
"""Field of the metadata in our own files: the settings of every token, as a JSON list."""
WEB_UI_TENSOR = "emb_params"
"""The one tensor in embeddings written by A1111 and sd-scripts, whose token is the file's name."""
SDXL_TENSORS = {"clip_l": "text_encoder", "clip_g": "text_encoder_2"}
"""Tensors of an SDXL embedding to the text encoder each is for; its token is the file's name, save in our own."""


@dataclass(frozen=True, eq=False)
class EmbeddingFile:
    """Embeddings of one or several tokens."""

    path: Path
    sha256: str
    tokens: Mapping[str, Mapping[str, Tensor]]
    """By token and text encoder, as `Base.parts` names it: [vectors, width]."""


def embedding_file(
    path: Path, sha256: str, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> EmbeddingFile:
    """The embeddings in a file's tensors.

    Known are the layouts of diffusers (token to vectors, also several tokens when the file is one of ours), of A1111
    and sd-scripts (`emb_params`) and of SDXL (`clip_l` and `clip_g`).

    Raises ArtefactError: `unsupported-adapter` (something else, or half an SDXL embedding), `broken-adapter` (numbers
    that are not finite, unequal counts of vectors).
    """
    if tensors.keys() & SDXL_TENSORS.keys():
        own = _own_tokens(metadata) or set()
        token = next(iter(own)) if len(own) == 1 else path.stem
        return EmbeddingFile(path, sha256, {token: _sdxl_vectors(path, tensors)})
    if len(tensors) != 1 and set(tensors) != _own_tokens(metadata):
        example = ", ".join(sorted(tensors)[:3]) or "nothing"
        raise unsupported(path, f"it holds {len(tensors)} tensors ({example})")
    return EmbeddingFile(
        path,
        sha256,
        {
            path.stem if name == WEB_UI_TENSOR else name: {"text_encoder": _vectors(path, name, tensor)}
            for name, tensor in tensors.items()
        },
    )


def read_pickled_embedding(path: Path) -> EmbeddingFile:
    """The embeddings in a `.pt` or `.bin` file, read by a parser that runs nothing.

    Besides the layouts of `embedding_file`, A1111's dictionary with `string_to_param`, whose token is the file's name.
    Raises what `read_torch_archive` and `embedding_file` raise.
    """
    value = read_torch_archive(path)
    if not isinstance(value, dict):
        raise unsupported(path, "it holds no dictionary")
    tensors: dict[str, Tensor] = {}
    named = {WEB_UI_TENSOR: _web_ui_tensor(path, value)} if "string_to_param" in value else value
    for name, tensor in named.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise unsupported(path, f"its entry {name!r} is no tensor")
        tensors[name] = tensor
    return embedding_file(path, file_sha256(path), tensors, {})


def unsupported(path: Path, why: str) -> ArtefactError:
    """The error for a file that is neither a LoRA nor an embedding."""
    return ArtefactError(
        f"{path} is not an adapter that can be used: {why}. Use a LoRA in the layout of kohya, PEFT or "
        "diffusers, or a textual-inversion embedding.",
        code="unsupported-adapter",
        facts={"path": str(path)},
    )


def broken(path: Path, why: str) -> ArtefactError:
    """The error for an adapter whose content is damaged."""
    return ArtefactError(
        f"{path} is broken: {why}. Fetch or train it again.", code="broken-adapter", facts={"path": str(path)}
    )


def _web_ui_tensor(path: Path, value: Mapping[object, object]) -> object:
    found = value["string_to_param"]
    if isinstance(found, Instance):
        found = found.state.get("_parameters") if isinstance(found.state, dict) else None
    if not isinstance(found, dict) or len(found) != 1:
        raise unsupported(path, "its string_to_param does not hold one tensor")
    return next(iter(found.values()))


def _sdxl_vectors(path: Path, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if tensors.keys() != SDXL_TENSORS.keys():
        missing = sorted(SDXL_TENSORS.keys() - tensors.keys())
        extra = sorted(tensors.keys() - SDXL_TENSORS.keys())
        raise unsupported(path, f"an SDXL embedding lacks {missing[0]}" if missing else f"{extra[0]!r} is unknown")
    vectors = {encoder: _vectors(path, name, tensors[name]) for name, encoder in SDXL_TENSORS.items()}
    counts = {name: len(vectors[encoder]) for name, encoder in SDXL_TENSORS.items()}
    if len(set(counts.values())) > 1:
        raise broken(path, f"clip_l has {counts['clip_l']} vectors and clip_g {counts['clip_g']}")
    return vectors


def _own_tokens(metadata: Mapping[str, str]) -> set[str] | None:
    try:
        tokens = json.loads(metadata.get(TOKENS_FIELD, "null"))
    except ValueError:
        return None
    if not isinstance(tokens, list):
        return None
    return {str(token.get("placeholder")) for token in tokens if isinstance(token, dict)}


def _vectors(path: Path, name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point() or tensor.ndim not in (1, 2) or tensor.numel() == 0:
        raise unsupported(path, f"its tensor {name!r} is no embedding: {tensor.dtype} {tuple(tensor.shape)}")
    vectors = tensor.float().reshape(-1, tensor.shape[-1])
    if not vectors.isfinite().all():
        raise broken(path, f"the embedding {name!r} holds numbers that are not finite")
    return vectors
