"""The vectors of new tokens while they are trained."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal, assert_never

import msgspec
import torch
from torch import Tensor, nn

from phalanx_worker.artefacts.tensors import file_sha256, write_tensors
from phalanx_worker.errors import ConfigError
from phalanx_worker.model.adapter_family import architecture
from phalanx_worker.model.base import Base
from phalanx_worker.model.embedding_file import SDXL_TENSORS, TOKENS_FIELD
from phalanx_worker.model.initial_vectors import phrase_vectors, random_vectors, token_vectors, vocabulary
from phalanx_worker.model.placeholder import check_placeholders, extend, text_encoders
from phalanx_worker.model.prompt_weights import WeightedText, parse_weights
from phalanx_worker.protocol.messages import LearnedToken
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.adapter_metadata import request_metadata
from phalanx_worker.techniques.technique import ExportRequest, WrittenArtefact

Norm = Literal["none", "initial", "vocabulary"]


class LearnedTokens:
    """Parameters of new tokens for each text encoder, [vectors, width], in effect on `base`."""

    def __init__(self, base: Base, settings: Sequence[LearnedToken], norm: Norm, streams: Streams) -> None:
        """Raises ConfigError: `one-token-per-file` for SDXL, whose layout of files has no room for more, and what
        `phrase_vectors` and `extend` raise, before the base is touched.
        """
        if base.text_encoder_2 is not None and len(settings) > 1:
            raise ConfigError(
                f"{base.folder} has two text encoders, and a file for both holds one token. Train the {len(settings)} "
                "tokens one after the other.",
                code="one-token-per-file",
                facts={"base": str(base.folder), "tokens": len(settings)},
            )
        check_placeholders(base.tokenizer, [token.placeholder for token in settings])
        for token in settings:
            _check_weights(base, token.placeholder)
        self._settings = tuple(settings)
        self._norm = norm
        self._vectors = {
            token.placeholder: {name: nn.Parameter(start) for name, start in _start(base, token, streams).items()}
            for token in settings
        }
        self._ranges = {
            name: {token: self._allowed(vectors[name], vocabulary(encoder)) for token, vectors in self._vectors.items()}
            for name, encoder in text_encoders(base).items()
        }
        self.base = extend(base, self._vectors)
        """Knows the tokens."""

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """By text encoder and placeholder."""
        return {
            f"{name}.{token}": parameter
            for token, vectors in self._vectors.items()
            for name, parameter in vectors.items()
        }

    def constrain(self) -> None:
        """Bring the lengths of all vectors into their ranges."""
        if self._norm == "none":
            return
        with torch.no_grad():
            for token, vectors in self._vectors.items():
                for name, parameter in vectors.items():
                    low, high = self._ranges[name][token]
                    length = parameter.norm(dim=1, keepdim=True)
                    # A vector of length 0 has no direction to be stretched along.
                    parameter.mul_(length.clamp(low, high) / length.clamp(min=torch.finfo(length.dtype).tiny))

    def write(self, request: ExportRequest, technique: str) -> WrittenArtefact:
        """A file in diffusers' layout, placeholder to [vectors, width]; for SDXL `clip_l` and `clip_g`."""
        path = request.folder / f"{request.name}.safetensors"
        if self.base.text_encoder_2 is None:
            tensors = {token: vectors["text_encoder"].detach() for token, vectors in self._vectors.items()}
        else:
            (vectors,) = self._vectors.values()
            tensors = {name: vectors[encoder].detach() for name, encoder in SDXL_TENSORS.items()}
        metadata = {
            "modelspec.sai_model_spec": "1.0.0",
            "modelspec.architecture": f"{architecture(self.base)}/textual-inversion",
            "modelspec.title": request.name,
            TOKENS_FIELD: json.dumps(msgspec.to_builtins(self._settings), ensure_ascii=False),
            "phalanx.technique": technique,
        }
        write_tensors(path, tensors, metadata | request_metadata(request))
        return WrittenArtefact("embedding", path, file_sha256(path), path.stat().st_size)

    def _allowed(self, start: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Smallest and largest length, [vectors, 1] or scalars."""
        if self._norm == "vocabulary":
            low, high = known.norm(dim=1).aminmax()
            return low, high
        if self._norm == "initial" or self._norm == "none":
            length = start.detach().norm(dim=1, keepdim=True)
            return length, length
        assert_never(self._norm)


def _check_weights(base: Base, placeholder: str) -> None:
    if base.text.weights and parse_weights(placeholder) != ((WeightedText(placeholder, 1.0),),):
        raise ConfigError(
            f"The placeholder {placeholder!r} would be read as weights. Choose one without brackets, or switch "
            "text.weights off.",
            code="invalid-placeholder",
            facts={"placeholder": placeholder},
        )


def _start(base: Base, token: LearnedToken, streams: Streams) -> dict[str, Tensor]:
    if token.initial_word is None:
        return random_vectors(base, token.placeholder, token.vectors, streams)
    if token.initial_word == "":
        return token_vectors(base, [base.tokenizer.pad_token_id] * token.vectors)
    return phrase_vectors(base, token.initial_word, token.vectors)
