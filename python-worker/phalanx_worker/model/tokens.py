"""Text to token ids, with a count of what did not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import CLIPTokenizer


@dataclass(frozen=True)
class Tokens:
    """Texts as the encoder takes them."""

    ids: Tensor
    """[n, length] int64, started, ended and padded."""
    truncated: tuple[int, ...]
    """Per text: tokens beyond the encoder's length, which have no effect."""


def tokenize(tokenizer: CLIPTokenizer, texts: Sequence[str], length: int = 77) -> Tokens:
    """Start token, at most `length` - 2 tokens of each text, end token, padding."""
    rows: list[list[int]] = []
    truncated: list[int] = []
    padding = tokenizer.pad_token_id
    for text in texts:
        body: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        kept = body[: length - 2]
        truncated.append(len(body) - len(kept))
        row = [tokenizer.bos_token_id, *kept, tokenizer.eos_token_id]
        rows.append(row + [padding] * (length - len(row)))
    return Tokens(torch.tensor(rows, dtype=torch.int64).reshape(len(rows), length), tuple(truncated))
