"""Text to embeddings."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from phalanx_worker.model.base import Base
from phalanx_worker.model.tokens import tokenize


def embed_texts(base: Base, texts: Sequence[str]) -> Tensor:
    """[n, tokens, width]: the text encoder's last hidden state after its final normalisation, as SD 1 uses it."""
    length = int(base.text_encoder.config.max_position_embeddings)
    tokens = tokenize(base.tokenizer, texts, length)
    embeddings: Tensor = base.text_encoder(tokens.ids.to(base.device)).last_hidden_state
    return embeddings
