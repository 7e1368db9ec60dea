"""A tokenizer that knows new tokens of several vectors."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import final

from transformers import CLIPTokenizer


@final
class PlaceholderTokenizer(CLIPTokenizer):  # type: ignore[misc]
    """Every new token becomes as many ids as it has vectors, wherever it stands in a text.

    The ids follow the vocabulary, token by token, vector by vector. Only the tokens themselves have names, so that a
    text such as "<hand>_1" means no vector of another token.
    """

    _ids: Mapping[int, range]
    """What the id of each new token becomes."""

    @classmethod
    def of(cls, tokenizer: CLIPTokenizer, counts: Mapping[str, int]) -> PlaceholderTokenizer:
        """A copy of `tokenizer` with tokens added; `counts` has the vectors of each."""
        made = cls.__new__(cls)
        made.__dict__.update(copy.deepcopy(tokenizer.__dict__))
        ids: dict[int, range] = {}
        next_id = len(tokenizer)
        for token, count in counts.items():
            made.add_tokens(token)
            ids[made.convert_tokens_to_ids(token)] = range(next_id, next_id + count)
            next_id += count
        made._ids = ids
        return made

    def __call__(self, text: str, *, add_special_tokens: bool) -> dict[str, list[int]]:
        """The ids of one text as `input_ids`."""
        return {"input_ids": [new for unit in self.units(text, add_special_tokens) for new in unit]}

    def units(self, text: str, add_special_tokens: bool = False) -> list[Sequence[int]]:
        """The ids of one text, those of one token's vectors together."""
        plain: list[int] = super().__call__(text, add_special_tokens=add_special_tokens, verbose=False)["input_ids"]
        return [self._ids.get(token, (token,)) for token in plain]
