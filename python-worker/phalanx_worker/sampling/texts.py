"""Prompts and negative prompts as the network is told them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from phalanx_worker.model.base import Base
from phalanx_worker.model.conditioning import Conditioning, joined
from phalanx_worker.model.placeholder import tokenizers
from phalanx_worker.model.text import embed_texts, read_texts
from phalanx_worker.protocol.messages import SampleRequest


@dataclass(frozen=True, eq=False)
class RequestTexts:
    """Texts of one request, of the same length."""

    prompt: Conditioning
    negative: Conditioning | None
    """None where it has no effect."""

    @property
    def length(self) -> int:
        """Tokens of each."""
        return self.prompt.embeddings.shape[1]


Texts = dict[tuple[str, str], RequestTexts]
"""By prompt and negative prompt."""


def texts_of(base: Base, requests: Sequence[SampleRequest], guidance: float) -> Texts:
    """Everything that requests say, each text once for every length; raises as `embed_texts`.

    Prompt and negative prompt are filled up to the windows that the longer one needs.
    """

    @cache
    def embedded(text: str, windows: int) -> Conditioning:
        # Alone, so that an embedding's bits do not depend on its company.
        return embed_texts(base, [text], windows)

    @cache
    def needed(text: str) -> int:
        return max(read_texts(base, tokenizer, [text]).needed[0] for tokenizer in tokenizers(base).values())

    texts: Texts = {}
    for prompt, negative in dict.fromkeys(_key(request) for request in requests):
        windows = needed(prompt) if guidance == 1 else max(needed(prompt), needed(negative))
        beside = None if guidance == 1 else embedded(negative, windows)
        texts[prompt, negative] = RequestTexts(embedded(prompt, windows), beside)
    return texts


def length_of(texts: Texts, request: SampleRequest) -> int:
    """Tokens that a request's prompt is filled up to."""
    return texts[_key(request)].length


def told(texts: Texts, batch: Sequence[SampleRequest]) -> Conditioning:
    """The rows for a batch of one length: its negative prompts, where they have an effect, and then its prompts."""
    pairs = [texts[_key(request)] for request in batch]
    negatives = [pair.negative for pair in pairs if pair.negative is not None]
    return joined([*negatives, *(pair.prompt for pair in pairs)])


def truncated_tokens(base: Base, requests: Sequence[SampleRequest], guidance: float) -> tuple[int, ...]:
    """Per request: tokens that were not read, of the prompt and, where it has an effect, of the negative prompt."""
    prompts = read_texts(base, base.tokenizer, [request.prompt for request in requests]).truncated
    if guidance == 1:
        return prompts
    negatives = read_texts(base, base.tokenizer, [request.negative_prompt for request in requests]).truncated
    return tuple(one + other for one, other in zip(prompts, negatives, strict=True))


def _key(request: SampleRequest) -> tuple[str, str]:
    return request.prompt, request.negative_prompt
