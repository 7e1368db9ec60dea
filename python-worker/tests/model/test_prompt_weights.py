"""The syntax of weighted prompts, against what is said of it and against trees that are written out."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.prompt_weights import BREAK, LARGEST_WEIGHT, parse_weights

SYNTAX = "\\()[]:"


@dataclass(frozen=True)
class Bracketed:
    """A tree of words and brackets."""

    opening: str
    parts: tuple[str | Bracketed, ...]
    number: str

    def written(self) -> str:
        """As a prompt has it."""
        inside = "".join(part if isinstance(part, str) else part.written() for part in self.parts)
        closing = f":{self.number})" if self.number else ")" if self.opening == "(" else "]"
        return self.opening + inside + closing

    @property
    def factor(self) -> float:
        return float(self.number) if self.number else 1.1 if self.opening == "(" else 1 / 1.1

    def weighed(self, weight: float) -> list[tuple[str, float]]:
        """Words with the product of everything around them."""
        own = weight * self.factor
        return [
            found for part in self.parts for found in ([(part, own)] if isinstance(part, str) else part.weighed(own))
        ]


WORDS = st.text(st.characters(exclude_characters=SYNTAX, exclude_categories=("Cs",)), min_size=1, max_size=6).filter(
    lambda text: BREAK.search(text) is None
)
NUMBERS = st.sampled_from(["", "1.3", "0.5", "+2", "-1", " .25 "])
TREES = st.recursive(
    st.builds(Bracketed, st.just("("), st.tuples(WORDS), NUMBERS),
    lambda inner: st.one_of(
        st.builds(Bracketed, st.just("("), st.lists(st.one_of(WORDS, inner), max_size=3).map(tuple), NUMBERS),
        st.builds(Bracketed, st.just("["), st.lists(st.one_of(WORDS, inner), max_size=3).map(tuple), st.just("")),
    ),
    max_leaves=6,
)


def weights(text: str) -> list[list[tuple[str, float]]]:
    return [[(part.text, round(part.weight, 9)) for part in section] for section in parse_weights(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a hand", [[("a hand", 1)]]),
        ("", [[]]),
        ("a (hand:1.3), open", [[("a ", 1), ("hand", 1.3), (", open", 1)]]),
        ("(a) [b]", [[("a", 1.1), (" ", 1), ("b", round(1 / 1.1, 9))]]),
        ("((a)b)", [[("a", 1.21), ("b", 1.1)]]),
        ("(a:2 ) b", [[("a", 2), (" b", 1)]]),
        ("(a: -0.5)", [[("a", -0.5)]]),
        (r"a \(b\) \[c\] \\d", [[(r"a (b) [c] \d", 1)]]),
        (r"(a \(b\):1.3)", [[("a (b)", 1.3)]]),
        (r"a\b", [[("ab", 1)]]),
        ("(a", [[("a", 1.1)]]),
        ("a) b] 3:4) c", [[("a) b] 3:4) c", 1)]]),
        ("(a:b)", [[("a:b", 1.1)]]),
        ("(a:)", [[("a:", 1.1)]]),
        ("[a:1.3)", [[("a:1.3)", round(1 / 1.1, 9))]]),
        ("()", [[]]),
        ("(a:1)b", [[("ab", 1)]]),
        ("one BREAK two", [[("one", 1)], [("two", 1)]]),
        ("BREAK", [[], []]),
        ("(one BREAK two:1.5)", [[("one", 1.5)], [("two", 1.5)]]),
        ("BREAKFAST break", [[("BREAKFAST break", 1)]]),
    ],
)
def test_the_syntax_is_that_of_a1111(text: str, expected: list[list[tuple[str, float]]]) -> None:
    assert weights(text) == expected


@given(tree=TREES)
def test_brackets_multiply(tree: Bracketed) -> None:
    expected: list[tuple[str, float]] = []
    for text, weight in tree.weighed(1.0):
        if expected and math.isclose(expected[-1][1], weight, rel_tol=1e-9):
            expected[-1] = (expected[-1][0] + text, weight)
        else:
            expected.append((text, weight))
    (section,) = parse_weights(tree.written())
    joined = "".join(part.text for part in section)
    assert joined == "".join(text for text, _ in expected)
    # Rounding may tell equal products apart; every character has its weight all the same.
    found = [weight for part in section for weight in [part.weight] * len(part.text)]
    assert found == pytest.approx([weight for text, weight in expected for _ in text], rel=1e-9)


@settings(max_examples=300)
@given(text=st.one_of(st.text(), st.text(alphabet="()[]\\:.+-019 aBREK\n"), st.text(alphabet="(:9)")))
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    try:
        sections = parse_weights(text)
    except ConfigError as error:
        assert error.code == "invalid-weight"
        assert re.search(r":\s*[+-]?[.\d]+\s*\)", text)
        return
    assert sections
    for section in sections:
        assert all(part.text and abs(part.weight) <= LARGEST_WEIGHT for part in section)
        assert all(one.weight != other.weight for one, other in itertools.pairwise(section))


@given(text=st.text().filter(lambda text: BREAK.search(text) is None))
def test_escaped_text_is_plain(text: str) -> None:
    escaped = re.sub(r"[\\()\[\]]", r"\\\g<0>", text)
    assert weights(escaped) == [[(text, 1.0)] if text else []]


@pytest.mark.parametrize("text", ["(a:1.2.3)", "(a:.)", "(a:101)", "((a:50):-50)", f"(a:{'9' * 400})", "(" * 60 + "a"])
def test_a_weight_that_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_weights(text)
    assert caught.value.code == "invalid-weight"
