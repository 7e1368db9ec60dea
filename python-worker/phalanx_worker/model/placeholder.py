"""New tokens with embeddings of their own, beside a vocabulary that stays as it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from transformers import CLIPTokenizer

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.base import Base
from phalanx_worker.model.placeholder_tokenizer import PlaceholderTokenizer


class ExtendedEmbedding(nn.Module):
    """The embedding of a vocabulary with more rows behind it; only those may have a gradient."""

    def __init__(self, original: nn.Embedding, vectors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.original = original
        self.vectors = tuple(vectors.values())
        """[vectors, width] of each token."""

    @property
    def weight(self) -> Tensor:
        """The vocabulary's embeddings, which some callers read for type and device."""
        return self.original.weight

    def forward(self, ids: Tensor) -> Tensor:
        """[..., width] embeddings of token ids."""
        size = self.original.num_embeddings
        known = functional.embedding(ids.clamp(max=size - 1), self.original.weight)
        new = functional.embedding((ids - size).clamp(min=0), torch.cat(self.vectors))
        return torch.where((ids >= size).unsqueeze(-1), new, known)


def text_encoders(base: Base) -> dict[str, Any]:
    """The text encoders a token has vectors for, by the folder they are stored in."""
    return dict(zip(("text_encoder", "text_encoder_2"), base.text_encoders, strict=False))


def tokenizers(base: Base) -> dict[str, CLIPTokenizer]:
    """What splits texts for each text encoder."""
    own = (base.tokenizer,) if base.tokenizer_2 is None else (base.tokenizer, base.tokenizer_2)
    return dict(zip(("text_encoder", "text_encoder_2"), own, strict=False))


def extend(base: Base, tokens: Mapping[str, Mapping[str, Tensor]]) -> Base:
    """The same base with tokens added; `tokens` has each one's [vectors, width] by text encoder.

    The modules are shared: until `restore`, the text encoders also know the new ids. The given base's tokenizers are
    not changed. Raises ConfigError (`placeholder-in-vocabulary`, `invalid-placeholder`, `duplicate-placeholder`,
    `vocabulary-mismatch`).
    """
    counts = {token: len(next(iter(vectors.values()))) for token, vectors in tokens.items()}
    encoders, known = text_encoders(base), tokenizers(base)
    extended_tokenizers = {}
    for name, encoder in encoders.items():
        check_placeholders(known[name], list(tokens))
        embedding = encoder.get_input_embeddings()
        if not isinstance(embedding, nn.Embedding):
            raise ValueError(f"the base's {name} already has added tokens")
        extended_tokenizers[name] = PlaceholderTokenizer.of(known[name], counts)
        _check_vocabulary(name, len(known[name]), embedding.num_embeddings)
    for name, encoder in encoders.items():
        own = {token: vectors[name] for token, vectors in tokens.items()}
        encoder.set_input_embeddings(ExtendedEmbedding(encoder.get_input_embeddings(), own))
    return dataclasses.replace(
        base, tokenizer=extended_tokenizers["text_encoder"], tokenizer_2=extended_tokenizers.get("text_encoder_2")
    )


def restore(base: Base) -> None:
    """Give the text encoders their own embeddings back."""
    for encoder in text_encoders(base).values():
        embedding = encoder.get_input_embeddings()
        if isinstance(embedding, ExtendedEmbedding):
            encoder.set_input_embeddings(embedding.original)


@contextmanager
def extended(base: Base, tokens: Mapping[str, Mapping[str, Tensor]]) -> Iterator[Base]:
    """`extend` for the length of a block; without tokens the base itself."""
    if not tokens:
        yield base
        return
    try:
        yield extend(base, tokens)
    finally:
        restore(base)


def check_placeholders(tokenizer: CLIPTokenizer, tokens: list[str]) -> None:
    """Raises ConfigError when texts cannot be made new tokens, or two of them are the same to the tokenizer."""
    # The tokenizer ignores upper and lower case, in new tokens too.
    seen: dict[str, str] = {}
    for token in tokens:
        _check_placeholder(tokenizer, token)
        other = seen.setdefault(token.lower(), token)
        if other is not token:
            raise ConfigError(
                f"Two tokens have the placeholders {other!r} and {token!r}, which are the same to the tokenizer. "
                "Rename or leave out one of them.",
                code="duplicate-placeholder",
                facts={"placeholder": token, "other": other},
            )


def _check_vocabulary(name: str, tokens: int, embeddings: int) -> None:
    if tokens != embeddings:
        raise ConfigError(
            f"The base's tokenizer and its {name} disagree about the size of the vocabulary. Use another base.",
            code="vocabulary-mismatch",
            facts={"tokenizer": tokens, "text_encoder": embeddings},
        )


def _check_placeholder(tokenizer: CLIPTokenizer, token: str) -> None:
    if not token or any(character.isspace() for character in token):
        raise ConfigError(
            f"The placeholder {token!r} contains white space. Write it as one word, such as '<hand>'; an embedding "
            "that is called by its file's name needs a file with another name.",
            code="invalid-placeholder",
            facts={"placeholder": token},
        )
    if token in tokenizer.get_vocab() or len(tokenizer(token, add_special_tokens=False)["input_ids"]) == 1:
        raise ConfigError(
            f"The placeholder {token!r} is already a token of the base's vocabulary. Choose another word, such as "
            f"'<{token.strip('<>')}-new>'.",
            code="placeholder-in-vocabulary",
            facts={"placeholder": token},
        )
