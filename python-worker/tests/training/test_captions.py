"""The wording of captions, and the embeddings kept for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from phalanx_worker.model.base import Base
from phalanx_worker.model.conditioning import Conditioning
from phalanx_worker.model.load import load_base
from phalanx_worker.model.text import embed_texts
from phalanx_worker.protocol.messages import CaptionSettings
from phalanx_worker.streams import Streams
from phalanx_worker.training import text
from phalanx_worker.training.captions import PLAIN, worded
from phalanx_worker.training.text import TextCache

TAGS = st.lists(st.sampled_from(["hand", "open palm", "blue", "five fingers", "photo"]), max_size=8)


def settings(**changes: object) -> CaptionSettings:
    plain = {"prefix": "", "suffix": "", "shuffle": False, "kept_tags": 0, "tag_dropout": 0.0}
    return CaptionSettings(**{**plain, **changes})  # type: ignore[arg-type]


@given(st.text())
def test_plain_captions_stay_as_they_are(caption: str) -> None:
    assert worded(caption, PLAIN, Streams(0), 1, 0) == caption


@given(TAGS, st.integers(0, 9), st.integers(0, 50), st.integers(0, 50))
def test_shuffling_keeps_all_tags_and_the_first_in_place(tags: list[str], kept: int, step: int, sample: int) -> None:
    result = worded(" ,".join(tags), settings(shuffle=True, kept_tags=kept), Streams(3), step, sample)
    found = result.split(", ") if result else []
    assert Counter(found) == Counter(tags)
    assert found[:kept] == tags[:kept]


@given(TAGS, st.integers(0, 9), st.floats(0, 1), st.booleans())
def test_dropout_spares_kept_tags_and_the_ends(tags: list[str], kept: int, share: float, shuffle: bool) -> None:
    wanted = settings(prefix="ohwx", suffix="end", shuffle=shuffle, kept_tags=kept, tag_dropout=share)
    words = worded(", ".join(tags), wanted, Streams(3), 1, 0).removeprefix("ohwx").removesuffix("end").strip()
    found = words.split(", ") if words else []
    assert found[: len(tags[:kept])] == tags[:kept]
    assert Counter(found) <= Counter(tags)
    if share == 0:
        assert len(found) == len(tags)


def test_the_shares_are_those_asked_for() -> None:
    tags = [str(number) for number in range(20)]
    lengths = [
        len(worded(", ".join(tags), settings(tag_dropout=0.3, kept_tags=4), Streams(7), step, 0).split(", "))
        for step in range(400)
    ]
    # 6,400 draws: the standard error of the share is 0.0057.
    assert sum(20 - length for length in lengths) / 6400 == pytest.approx(0.3, abs=0.023)
    firsts = Counter(
        worded(", ".join(tags), settings(shuffle=True), Streams(7), step, 0).split(",")[0] for step in range(2000)
    )
    assert set(firsts) == set(tags) and max(firsts.values()) < 160


def test_a_wording_depends_on_seed_step_and_sample_alone() -> None:
    tags = ", ".join(str(number) for number in range(30))
    wanted = settings(shuffle=True, tag_dropout=0.5)
    places = [(seed, step, sample) for seed in (1, 2) for step in (1, 2) for sample in (0, 1)]
    texts = [worded(tags, wanted, Streams(seed), step, sample) for seed, step, sample in places]
    assert len(set(texts)) == len(places)
    assert texts == [worded(tags, wanted, Streams(seed), step, sample) for seed, step, sample in places]


def test_every_wording_has_its_own_embedding_and_memory_is_bounded(
    base_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = load_base(base_folder)
    wordings = [worded("a hand, a fist, blue", settings(shuffle=True), Streams(0), step, 0) for step in range(12)]
    assert len(set(wordings)) > 3
    expected = {wording: embed_texts(base, [wording]).embeddings for wording in wordings}
    cache = TextCache(base)
    monkeypatch.setattr(text, "TEXT_MEMORY", 2 * cache.embeddings(wordings[:1]).nbytes)
    encoded: list[str] = []

    def encode(base: Base, texts: Sequence[str]) -> Conditioning:
        encoded.extend(texts)
        return embed_texts(base, texts)

    monkeypatch.setattr(text, "embed_texts", encode)
    different = list(expected)
    for wording in different * 2:
        assert torch.equal(cache.embeddings([wording]).embeddings, expected[wording])
    # Two fit, so that each has been forgotten when its turn comes again; what is asked for twice in a row is kept.
    assert len(encoded) >= 2 * len(different) - 1
    cache.embeddings(different[-1:])
    assert encoded[-1] == different[-1] and len(encoded) <= 2 * len(different)
