"""Long texts, weighted texts and clip skip of every family, against plain formulas over transformers' encoders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.base import AS_TRAINED, Base
from phalanx_worker.model.load import load_base
from phalanx_worker.model.placeholder import extended, text_encoders, tokenizers
from phalanx_worker.model.text import embed_texts, read_as, read_texts
from phalanx_worker.protocol.messages import TextSettings
from tests.small import ARCHITECTURES, make_base

FAMILIES = ("sd-1", "sd-2", "sdxl")
LAYERS = 3
LONG = "a photo of a hand, " * 30
LENGTH = 77


def reading(**changes: Any) -> TextSettings:
    return msgspec.structs.replace(AS_TRAINED, **changes)


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Base]:
    """One of each family with three layers of text encoder, whose normalisations and embeddings are not as new."""
    parent, made = tmp_path_factory.mktemp("deep"), {}
    for family in FAMILIES:
        deep = msgspec.structs.replace(ARCHITECTURES[family], text_layers=LAYERS, second_text_layers=LAYERS)
        base = load_base(make_base(parent / family, 1, deep))
        for encoder in base.text_encoders:
            norm = getattr(encoder, "text_model", encoder).final_layer_norm
            nn.init.normal_(norm.weight, 1, 0.3)
            nn.init.normal_(norm.bias, 0.2, 0.3)
        made[family] = base
    return made


def states(base: Base, name: str, ids: Sequence[int], clip_skip: int | None) -> npt.NDArray[np.float64]:
    """[length, width] of one window, by the published rules."""
    encoder = text_encoders(base)[name]
    output = encoder(torch.tensor([ids]), output_hidden_states=True)
    if base.family == "sdxl":
        chosen = output.hidden_states[-(clip_skip or 2)]
    elif clip_skip in (None, 1):
        chosen = output.last_hidden_state
    else:
        chosen = getattr(encoder, "text_model", encoder).final_layer_norm(output.hidden_states[-clip_skip])
    found: npt.NDArray[np.float64] = chosen[0].double().numpy()
    return found


def window(base: Base, name: str, body: Sequence[int]) -> list[int]:
    tokenizer = tokenizers(base)[name]
    filling = [tokenizer.pad_token_id] * (LENGTH - 2 - len(body))
    return [tokenizer.bos_token_id, *body, tokenizer.eos_token_id, *filling]


def body_of(base: Base, text: str) -> list[int]:
    ids: list[int] = base.tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def close(found: Tensor, expected: npt.NDArray[np.float64]) -> None:
    # float32 sums of some hundred numbers near 1.
    np.testing.assert_allclose(found.detach().double().numpy(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("clip_skip", [None, 1, 2, 3])
@torch.no_grad()
def test_a_long_text_is_read_in_windows_of_the_chosen_layer(
    bases: dict[str, Base], family: str, clip_skip: int | None
) -> None:
    base = read_as(bases[family], reading(max_tokens=225, clip_skip=clip_skip))
    body = body_of(base, LONG)
    assert 150 < len(body) < 225
    bodies = [body[:75], body[75:150], body[150:]]
    found = embed_texts(base, [LONG, "a hand"])
    for row, own in enumerate([bodies, [body_of(base, "a hand"), [], []]]):
        expected = [
            np.concatenate([states(base, name, window(base, name, part), clip_skip) for part in own])
            for name in text_encoders(base)
        ]
        close(found.embeddings[row], np.concatenate(expected, axis=1))
    if base.text_encoder_2 is not None:
        assert found.pooled is not None
        first = torch.tensor([window(base, "text_encoder_2", bodies[0])])
        torch.testing.assert_close(found.pooled[0], base.text_encoder_2(first).text_embeds[0])


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_weights_multiply_and_the_mean_is_restored(bases: dict[str, Base], family: str) -> None:
    base = read_as(bases[family], reading(max_tokens=150, weights=True))
    first, second = body_of(base, "a photo of"), body_of(base, "a hand")
    third = body_of(base, "a fist")
    found = embed_texts(base, ["a photo of (a hand:1.3) BREAK [a fist]"])
    expected = []
    for name in text_encoders(base):
        halves = []
        for body, weights in (
            ([*first, *second], [1.0] * len(first) + [1.3] * len(second)),
            (third, [1 / 1.1] * len(third)),
        ):
            plain = states(base, name, window(base, name, body), None)
            padded = np.array([1.0, *weights, *[1.0] * (LENGTH - 1 - len(weights))])
            weighed = plain * padded[:, None]
            halves.append(weighed * plain.mean() / weighed.mean())
        expected.append(np.concatenate(halves))
    close(found.embeddings[0], np.concatenate(expected, axis=1))
    if found.pooled is not None:
        assert torch.equal(found.pooled, embed_texts(base, [r"a photo of a hand"]).pooled)


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_without_weights_of_its_own_a_text_is_what_it_was(bases: dict[str, Base], family: str) -> None:
    plain, weighed = bases[family], read_as(bases[family], reading(weights=True))
    for text, same in [("a hand, a fist", "a hand, a fist"), ("a (hand:1), [(a fist:1.1)]", "a hand, a fist")]:
        one, other = embed_texts(plain, [same]), embed_texts(weighed, [text])
        assert torch.equal(one.embeddings, other.embeddings)
        assert one.pooled is None or torch.equal(one.pooled, other.pooled)
    # Brackets are characters unless the settings say otherwise, and with a backslash even then.
    text = "a (hand:1.3) [fist]"
    letters = embed_texts(plain, [text]).embeddings
    assert not torch.equal(letters, embed_texts(weighed, [text]).embeddings)
    assert torch.equal(letters, embed_texts(weighed, [r"a \(hand:1.3\) \[fist\]"]).embeddings)


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_a_weighed_text_does_not_depend_on_its_company(bases: dict[str, Base], family: str) -> None:
    base = read_as(bases[family], reading(weights=True))
    texts = ["a (hand:1.5)", "a fist", "[a palm]"]
    together = embed_texts(base, texts).embeddings
    alone = torch.cat([embed_texts(base, [text]).embeddings for text in texts])
    # A batch adds in another order.
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("tokens", [75, 150, 225])
def test_what_lies_beyond_is_cut_and_counted(bases: dict[str, Base], tokens: int) -> None:
    base = read_as(bases["sd-1"], reading(max_tokens=tokens, weights=True))
    word = body_of(base, "a")
    assert len(word) == 1
    texts = ["a " * (tokens - 1), "a " * tokens, "a " * (tokens + 7), "(a " * 5 + "BREAK " * 3 + "a a"]
    read = read_texts(base, base.tokenizer, texts)
    windows = tokens // 75
    assert read.ids.shape == read.weights.shape == (4, windows, LENGTH)
    assert read.truncated == (0, 0, 7, 2)
    assert read.needed == (windows,) * 4
    assert read_texts(base, base.tokenizer, ["a"]).needed == (1,)


def test_the_vectors_of_a_token_stay_together(bases: dict[str, Base]) -> None:
    base = bases["sdxl"]
    vectors = {name: torch.ones(4, encoder.config.hidden_size) for name, encoder in text_encoders(base).items()}
    with extended(read_as(base, reading(max_tokens=150)), {"<palm>": vectors}) as known:
        own = range(len(base.tokenizer), len(base.tokenizer) + 4)
        for tokenizer in tokenizers(known).values():
            read = read_texts(known, tokenizer, ["a " * 71 + "<palm>a", "a " * 72 + "<palm>a", "a " * 147 + "<palm>a"])
            assert read.ids[0, 0, 72:76].tolist() == list(own)
            # It begins the next window, and what it leaves behind is padding.
            assert own[0] not in read.ids[1, 0] and read.ids[1, 0, 73] == tokenizer.eos_token_id
            assert read.ids[1, 1, 1:5].tolist() == list(own) and read.needed[1] == 2
            # In the last window there is no next one: it is cut whole, with all that follows.
            assert own[0] not in read.ids[2] and read.truncated == (0, 0, 5)


def test_more_layers_than_there_are_cannot_be_skipped(bases: dict[str, Base]) -> None:
    for base in bases.values():
        with pytest.raises(ConfigError) as caught:
            read_as(base, reading(clip_skip=LAYERS + 1))
        assert caught.value.code == "clip-skip-too-large" and caught.value.facts["layers"] == LAYERS


@torch.no_grad()
def test_states_without_a_mean_are_multiplied_alone(base_folder: Path) -> None:
    # The last normalisation of a base that was never trained leaves a mean of 0 in every state.
    plain = load_base(base_folder)
    base = read_as(plain, reading(weights=True))
    found = embed_texts(base, ["a (hand:1.5)"]).embeddings
    weights = read_texts(base, base.tokenizer, ["a (hand:1.5)"]).weights[:, 0]
    assert torch.equal(found, embed_texts(plain, ["a hand"]).embeddings * weights.unsqueeze(-1))


def test_weights_that_cancel_are_refused(bases: dict[str, Base]) -> None:
    base = read_as(bases["sd-2"], reading(weights=True))
    norm = base.text_encoder.final_layer_norm
    kept = norm.weight.data, norm.bias.data
    norm.weight.data, norm.bias.data = torch.zeros_like(kept[0]), torch.ones_like(kept[1])
    (letter,) = body_of(base, "a")
    try:
        assert read_texts(base, base.tokenizer, ["(a:-76)"]).ids[0, 0, 1] == letter
        with pytest.raises(ConfigError) as caught:
            # All states are 1, and 76 of the 77 have no weight of their own.
            embed_texts(base, ["(a:-76)"])
    finally:
        norm.weight.data, norm.bias.data = kept
    assert caught.value.code == "weights-cancel"
