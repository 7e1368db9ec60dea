"""Weights of words in a prompt, in the syntax of A1111."""

from __future__ import annotations

import re
from dataclasses import dataclass

from phalanx_worker.errors import ConfigError

BRACKET_WEIGHT = 1.1
"""What a pair of round brackets multiplies by; square ones divide by it."""
LARGEST_WEIGHT = 100.0
"""Far beyond what leaves a picture; without a limit, nested brackets would end in infinity."""
BREAK = re.compile(r"\s*\bBREAK\b\s*")
LEXEME = re.compile(
    r"""
    (?P<words> [^\\()\[\]:]+ )
    | : \s* (?P<number> [+-]? [.0-9]+ ) \s* \)
    | \\ (?P<escaped> [\\()\[\]]? )
    | (?P<sign> . )
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class WeightedText:
    """Words with one weight."""

    text: str
    weight: float


Section = tuple[WeightedText, ...]
"""What stands between two `BREAK`s; neighbours have different weights."""


def parse_weights(text: str) -> tuple[Section, ...]:
    """The sections of a text, at least one; a text without syntax is one part of weight 1.

    `(words)` weighs 1.1, `[words]` 1/1.1, `(words:1.3)` 1.3, and brackets within brackets multiply. A bracket that is
    never closed reaches to the end; one that closes nothing is plain text, and so is a number after a colon outside of
    round brackets. A backslash makes a bracket or backslash plain, and is dropped before anything else. `BREAK` begins
    a section wherever it stands. All of this is as A1111 reads prompts, but for a `BREAK` within brackets, which it
    takes for a word. Its schedules, `[from:to:when]` and `[one|other]`, are not known: they are words in brackets.

    Raises ConfigError (`invalid-weight`) for a number such as `1.2.3`, and for weights beyond `LARGEST_WEIGHT`.
    """
    reader = _Reader()
    for lexeme in LEXEME.finditer(text):
        reader.take(lexeme)
    sections: list[list[WeightedText]] = [[]]
    for piece, weight in zip(reader.pieces, reader.weights(), strict=True):
        last = sections[-1]
        if piece is None:
            sections.append([])
        elif last and last[-1].weight == weight:
            last[-1] = WeightedText(last[-1].text + piece, weight)
        elif piece:
            last.append(WeightedText(piece, _checked(weight, piece)))
    return tuple(tuple(section) for section in sections)


class _Reader:
    """Cuts a text into pieces and notes which of them stand between brackets."""

    def __init__(self) -> None:
        self.pieces: list[str | None] = []
        """None stands for a `BREAK`."""
        self._open: dict[str, list[int]] = {"(": [], "[": []}
        self._spans: list[tuple[range, float]] = []

    def take(self, lexeme: re.Match[str]) -> None:
        number, sign = lexeme["number"], lexeme["sign"]
        if lexeme["words"] is not None:
            self._words(lexeme["words"])
        elif lexeme["escaped"] is not None:
            self.pieces.append(lexeme["escaped"])
        elif number is not None and self._open["("]:
            self._close("(", _number(number))
        elif sign in self._open:
            self._open[sign].append(len(self.pieces))
        elif sign == ")" and self._open["("]:
            self._close("(", BRACKET_WEIGHT)
        elif sign == "]" and self._open["["]:
            self._close("[", 1 / BRACKET_WEIGHT)
        else:
            self._words(lexeme[0])

    def weights(self) -> list[float]:
        """One for each piece; brackets that are still open end here."""
        for kind, weight in (("(", BRACKET_WEIGHT), ("[", 1 / BRACKET_WEIGHT)):
            while self._open[kind]:
                self._close(kind, weight)
        weights = [1.0] * len(self.pieces)
        for places, weight in self._spans:
            for place in places:
                weights[place] *= weight
        return weights

    def _words(self, text: str) -> None:
        first, *others = BREAK.split(text)
        self.pieces.append(first)
        for other in others:
            self.pieces += [None, other]

    def _close(self, kind: str, weight: float) -> None:
        self._spans.append((range(self._open[kind].pop(), len(self.pieces)), weight))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(
            f"The weight {text!r} is no number. Write it like 1.3, or put a backslash before the brackets.",
            code="invalid-weight",
            facts={"weight": text},
        ) from error


def _checked(weight: float, piece: str) -> float:
    if abs(weight) <= LARGEST_WEIGHT:
        return weight
    raise ConfigError(
        f"The words {piece[:60]!r} have the weight {weight:g}. Give at most {LARGEST_WEIGHT:g}; weights far from 1 "
        "leave no picture.",
        code="invalid-weight",
        facts={"text": piece[:60], "weight": f"{weight:g}"},
    )
