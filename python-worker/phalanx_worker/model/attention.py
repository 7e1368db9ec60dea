"""Attention for drawing many steps with the same weights and texts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as functional
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor
from torch import Tensor


class CachedAttention:
    """Scaled dot-product attention of one layer that remembers what stays the same from step to step.

    For texts these are keys and values, when the very same tensor of text embeddings comes in again; for an image's
    attention to itself, the weights of query, key and value as one matrix. Threads may call it at the same time.
    """

    def __init__(self, attention: Attention) -> None:
        self._attention = attention
        self._weight: Tensor | None = None
        self._texts: dict[int, tuple[Tensor, Tensor, Tensor]] = {}

    def __call__(
        self,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> Tensor:
        """[n, places, width] to the same shape. The SD 1 layout has no masks; raises ValueError when given one."""
        if attention_mask is not None:
            raise ValueError("attention with a mask cannot be remembered")
        attention = self._attention
        count, places, _ = hidden_states.shape
        if encoder_hidden_states is None:
            query, key, value = self._own(hidden_states)
        else:
            query = _heads(attention.to_q(hidden_states), attention.heads)
            key, value = self._of_texts(encoder_hidden_states)
        mixed = functional.scaled_dot_product_attention(query, key, value, scale=attention.scale)
        result: Tensor = attention.to_out[0](mixed.transpose(1, 2).reshape(count, places, -1))
        return result

    def _own(self, hidden: Tensor) -> tuple[Tensor, ...]:
        attention = self._attention
        if self._weight is None:
            self._weight = torch.cat([attention.to_q.weight, attention.to_k.weight, attention.to_v.weight])
        count, places, _ = hidden.shape
        together = functional.linear(hidden, self._weight).view(count, places, 3, attention.heads, -1)
        return together.permute(2, 0, 3, 1, 4).unbind(0)

    def _of_texts(self, texts: Tensor) -> tuple[Tensor, Tensor]:
        attention = self._attention
        # The tensor is kept beside its keys and values, so that its id stays its own.
        found = self._texts.get(id(texts))
        if found is None:
            keys, values = attention.to_k(texts), attention.to_v(texts)
            found = texts, _heads(keys, attention.heads), _heads(values, attention.heads)
            self._texts[id(texts)] = found
        return found[1], found[2]


@contextmanager
def plain_attention(unet: UNet2DConditionModel) -> Iterator[None]:
    """Attention as two matrix products and a softmax within the block.

    On processors, torch's fused attention takes several times as long as these to differentiate in bfloat16.
    """
    before: dict[str, Any] = unet.attn_processors
    unet.set_attn_processor(AttnProcessor())
    try:
        yield
    finally:
        unet.set_attn_processor(before)


def _heads(rows: Tensor, heads: int) -> Tensor:
    count, places, width = rows.shape
    return rows.view(count, places, heads, width // heads).transpose(1, 2)
