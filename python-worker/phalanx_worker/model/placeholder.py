"""New tokens with embeddings of their own, beside a vocabulary that stays as it is."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from transformers import CLIPTokenizer

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.base import Base


class ExtendedEmbedding(nn.Module):
    """The embedding of a vocabulary with more rows behind it; only those may have a gradient."""

    def __init__(self, original: nn.Embedding, rows: Sequence[Tensor]) -> None:
        super().__init__()
        self.original = original
        self.rows = tuple(rows)
        """[width] each."""

    @property
    def weight(self) -> Tensor:
        """The vocabulary's embeddings, which some callers read for type and device."""
        return self.original.weight

    def forward(self, ids: Tensor) -> Tensor:
        """[..., width] embeddings of token ids."""
        size = self.original.num_embeddings
        known = functional.embedding(ids.clamp(max=size - 1), self.original.weight)
        new = functional.embedding((ids - size).clamp(min=0), torch.stack(self.rows))
        return torch.where((ids >= size).unsqueeze(-1), new, known)


def extend(base: Base, rows: Mapping[str, Tensor]) -> Base:
    """The same base with tokens added; `rows` has each token's embedding, [width].

    The modules are shared: until `restore`, the text encoder also knows the new ids. The given base's tokenizer is
    not changed. Raises ConfigError (`placeholder-in-vocabulary`, `invalid-placeholder`, `unsupported-family`).
    """
    if base.text_encoder_2 is not None:
        raise ConfigError(
            f"{base.folder} has two text encoders, and an added token here has one embedding. Use a base of the "
            "family sd-1 or sd-2.",
            code="unsupported-family",
            facts={"base": str(base.folder), "family": base.family},
        )
    embedding = base.text_encoder.get_input_embeddings()
    if not isinstance(embedding, nn.Embedding):
        raise ValueError("the base already has added tokens")
    tokenizer = copy.deepcopy(base.tokenizer)
    for token in rows:
        check_placeholder(tokenizer, token)
        tokenizer.add_tokens(token)
    expected = [embedding.num_embeddings + position for position in range(len(rows))]
    if tokenizer.convert_tokens_to_ids(list(rows)) != expected:
        raise ConfigError(
            "The base's tokenizer and text encoder disagree about the size of the vocabulary. Use another base.",
            code="vocabulary-mismatch",
            facts={"tokenizer": len(tokenizer) - len(rows), "text_encoder": embedding.num_embeddings},
        )
    base.text_encoder.set_input_embeddings(ExtendedEmbedding(embedding, tuple(rows.values())))
    return dataclasses.replace(base, tokenizer=tokenizer)


def restore(base: Base) -> None:
    """Give the text encoder its own embedding back."""
    embedding = base.text_encoder.get_input_embeddings()
    if isinstance(embedding, ExtendedEmbedding):
        base.text_encoder.set_input_embeddings(embedding.original)


@contextmanager
def extended(base: Base, rows: Mapping[str, Tensor]) -> Iterator[Base]:
    """`extend` for the length of a block; without rows the base itself."""
    if not rows:
        yield base
        return
    try:
        yield extend(base, rows)
    finally:
        restore(base)


def check_placeholder(tokenizer: CLIPTokenizer, token: str) -> None:
    """Raises ConfigError when a text cannot be made a new token."""
    if not token or any(character.isspace() for character in token):
        raise ConfigError(
            f"The placeholder {token!r} contains white space. Write it as one word, such as '<hand>'.",
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


def word_embedding(base: Base, word: str) -> Tensor:
    """A copy of the embedding of a word that is exactly one token, [width].

    Raises ConfigError (`not-one-token`) that names the tokens it became.
    """
    ids: list[int] = base.tokenizer(word, add_special_tokens=False)["input_ids"]
    if len(ids) != 1:
        tokens = ", ".join(base.tokenizer.convert_ids_to_tokens(ids)) or "none"
        raise ConfigError(
            f"The initial word {word!r} is {len(ids)} tokens in this base ({tokens}). Choose a word that is one token.",
            code="not-one-token",
            facts={"word": word, "tokens": tokens},
        )
    embedding: Tensor = base.text_encoder.get_input_embeddings().weight[ids[0]].detach().clone()
    return embedding
