"""Text to token ids, with a count of what did not fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import CLIPTokenizer

from phalanx_worker.model.placeholder_tokenizer import PlaceholderTokenizer
from phalanx_worker.model.prompt_weights import WeightedText, parse_weights
from phalanx_worker.protocol.messages import TextSettings

WINDOW = 75
"""Tokens of one window as `TextSettings.max_tokens` counts them."""


@dataclass(frozen=True)
class Tokens:
    """Texts as the encoder takes them."""

    ids: Tensor
    """[n, windows, length] int64, every window started, ended and padded."""
    weights: Tensor
    """[n, windows, length] float32; 1 for what has no weight of its own."""
    needed: tuple[int, ...]
    """Per text: windows with something of it, at least one."""
    truncated: tuple[int, ...]
    """Per text: tokens beyond the last window, which have no effect."""


def tokenize(
    tokenizer: CLIPTokenizer, texts: Sequence[str], settings: TextSettings, length: int = 77, windows: int | None = None
) -> Tokens:
    """Windows of start token, at most `length` - 2 tokens, end token and padding.

    All texts are filled up to `windows` of them, by default to as many as the settings read. A token of several vectors
    is never divided, and everything after a token that did not fit is cut. Raises what `parse_weights` raises.
    """
    most = windows_read(settings)
    packed = [_packed(tokenizer, text, settings, _Windows(length - 2, most)) for text in texts]
    padding, ids, weights = tokenizer.pad_token_id, [], []
    for text in packed:
        rows = text.rows + [[]] * ((windows or most) - len(text.rows))
        for row in rows:
            own = [tokenizer.bos_token_id, *(token for token, _ in row), tokenizer.eos_token_id]
            ids.append(own + [padding] * (length - len(own)))
            weights.append([1.0, *(weight for _, weight in row), *[1.0] * (length - 1 - len(row))])
    shape = (len(texts), windows or most, length)
    return Tokens(
        ids=torch.tensor(ids, dtype=torch.int64).reshape(shape),
        weights=torch.tensor(weights, dtype=torch.float32).reshape(shape),
        needed=tuple(len(text.rows) for text in packed),
        truncated=tuple(text.truncated for text in packed),
    )


def windows_read(settings: TextSettings) -> int:
    """How many windows of a text are read."""
    return settings.max_tokens // WINDOW


@dataclass
class _Windows:
    room: int
    most: int
    rows: list[list[tuple[int, float]]] = field(default_factory=lambda: [[]])
    truncated: int = 0
    full: bool = False

    def put(self, unit: Sequence[int], weight: float) -> None:
        """Tokens that stay together."""
        if not self.full and len(self.rows[-1]) + len(unit) > self.room:
            self.turn()
        if self.full or len(unit) > self.room:
            self.full = True
            self.truncated += len(unit)
        else:
            self.rows[-1] += [(token, weight) for token in unit]

    def turn(self) -> None:
        """Go on in the next window."""
        if len(self.rows) == self.most:
            self.full = True
        else:
            self.rows.append([])


def _packed(tokenizer: CLIPTokenizer, text: str, settings: TextSettings, windows: _Windows) -> _Windows:
    sections = parse_weights(text) if settings.weights else ((WeightedText(text, 1.0),),)
    for place, section in enumerate(sections):
        if place > 0:
            windows.turn()
        for part in section:
            for unit in _units(tokenizer, part.text):
                windows.put(unit, part.weight)
    return windows


def _units(tokenizer: CLIPTokenizer, text: str) -> Iterator[Sequence[int]]:
    if isinstance(tokenizer, PlaceholderTokenizer):
        yield from tokenizer.units(text)
    else:
        for token in tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]:
            yield (token,)
