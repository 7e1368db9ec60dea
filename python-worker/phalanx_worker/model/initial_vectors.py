"""Where new tokens start."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.base import Base
from phalanx_worker.model.placeholder import text_encoders
from phalanx_worker.streams import Streams


def phrase_vectors(base: Base, phrase: str, count: int) -> dict[str, Tensor]:
    """The embeddings of a phrase's tokens, repeated in turn up to `count`, as [count, width] by text encoder.

    Raises ConfigError (`initial-word-too-long`, which names the tokens; `empty-initial-word`).
    """
    ids: list[int] = base.tokenizer(phrase, add_special_tokens=False)["input_ids"]
    if not ids:
        raise ConfigError(
            f"The initial word {phrase!r} has no token in this base. Name a word, or take null for a random start.",
            code="empty-initial-word",
            facts={"word": phrase},
        )
    if len(ids) > count:
        tokens = ", ".join(base.tokenizer.convert_ids_to_tokens(ids))
        raise ConfigError(
            f"The initial word {phrase!r} is {len(ids)} tokens in this base ({tokens}), but the new token has "
            f"{'one vector' if count == 1 else f'{count} vectors'}. Set vectors to {len(ids)}, or choose a word of "
            "fewer tokens.",
            code="initial-word-too-long",
            facts={"word": phrase, "tokens": tokens, "vectors": count},
        )
    return token_vectors(base, [ids[place % len(ids)] for place in range(count)])


def token_vectors(base: Base, ids: list[int]) -> dict[str, Tensor]:
    """A copy of the embeddings of tokens of the vocabulary, [ids, width] by text encoder."""
    return {name: vocabulary(encoder)[ids].clone() for name, encoder in text_encoders(base).items()}


def random_vectors(base: Base, token: str, count: int, streams: Streams) -> dict[str, Tensor]:
    """[count, width] by text encoder: normal numbers with mean and deviation of the vocabulary in each dimension."""
    vectors = {}
    for name, encoder in text_encoders(base).items():
        known = vocabulary(encoder)
        draws = streams.normal(f"initial-vectors/{name}/{token}", (count, known.shape[1]), 0, 0)
        deviation, mean = torch.std_mean(known, dim=0)
        vectors[name] = mean + deviation * torch.from_numpy(draws).to(known.device)
    return vectors


def vocabulary(encoder: nn.Module) -> Tensor:
    """The embeddings that a text encoder came with, [tokens, width]."""
    embeddings: Tensor = encoder.get_input_embeddings().weight.detach()  # type: ignore[operator]
    return embeddings
