"""Text embeddings of captions, computed once while the text encoder is frozen."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch

from phalanx_worker.model.base import Base
from phalanx_worker.model.conditioning import Conditioning, joined
from phalanx_worker.model.text import embed_texts

TEXT_MEMORY = 1 << 30
"""Bytes of embeddings that are kept."""


class TextCache:
    """Embeddings by caption for one training; each caption is encoded alone, so that its bits never vary."""

    def __init__(self, base: Base) -> None:
        self._base = base
        self._kept: OrderedDict[str, Conditioning] = OrderedDict()
        self._bytes = 0

    def embeddings(self, captions: Sequence[str]) -> Conditioning:
        """One row per caption."""
        return joined([self._one(caption) for caption in captions])

    def _one(self, caption: str) -> Conditioning:
        found = self._kept.pop(caption, None)
        if found is None:
            with torch.no_grad():
                found = embed_texts(self._base, [caption])
            self._bytes += found.nbytes
        self._kept[caption] = found
        while self._bytes > TEXT_MEMORY and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return found
