"""Drawing with long, weighted and skipping texts against diffusers' pipelines, from the same noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.base import AS_TRAINED
from phalanx_worker.model.load import load_base
from phalanx_worker.model.text import embed_texts, read_as
from phalanx_worker.protocol.messages import TextSettings
from phalanx_worker.sampling.draw import draw
from tests.drawing import drawn, drawn_by_diffusers, largest_difference, request, sampling
from tests.small import ARCHITECTURES, make_base

FAMILIES = ("sd-1", "sd-2", "sdxl")
LAYERS = 3
LONG = "a photo of a hand, " * 30
REQUESTS = [
    request("a photo of a hand", 1, "a fist"),
    request(LONG, 2, "a (fist:1.3)"),
    request("a (palm)", 3, "a fist BREAK a drawing"),
    request("a hand", 4, ""),
]
WINDOWS = (1, 3, 2, 1)
# The two add the same float32 numbers in another order; a value near the middle of two levels may round either way.
ONE_LEVEL = 1


def reading(**changes: Any) -> TextSettings:
    return msgspec.structs.replace(AS_TRAINED, **changes)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    parent = tmp_path_factory.mktemp("deep")
    deep = {"text_layers": LAYERS, "second_text_layers": LAYERS}
    return {
        family: make_base(parent / family, 1, msgspec.structs.replace(ARCHITECTURES[family], **deep))
        for family in FAMILIES
    }


def pipeline_of(folder: Path, family: str) -> Any:
    kind = StableDiffusionXLPipeline if family == "sdxl" else StableDiffusionPipeline
    made = kind.from_pretrained(folder, local_files_only=True)
    made.set_progress_bar_config(disable=True)
    # Diffusers looks for the final normalisation where older versions of transformers had it.
    made.text_encoder.__dict__.setdefault("text_model", made.text_encoder)
    return made


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("clip_skip", [2, 3])
def test_clip_skip_is_that_of_diffusers(folders: dict[str, Path], family: str, clip_skip: int) -> None:
    # Without guidance, because diffusers skips no layer for negative prompts; A1111 does.
    settings = sampling("ddim", 4, 1.0, text=reading(clip_skip=clip_skip))
    base, made = load_base(folders[family]), pipeline_of(folders[family], family)
    # It counts what is skipped, in SDXL from the penultimate layer on.
    theirs = drawn_by_diffusers(made, REQUESTS[:1], settings, clip_skip=clip_skip - (2 if family == "sdxl" else 1))
    assert largest_difference(drawn(base, REQUESTS[:1], settings), theirs) <= ONE_LEVEL
    plain = drawn(base, REQUESTS[:1], sampling("ddim", 4, 1.0))
    trained = 2 if family == "sdxl" else 1
    assert (largest_difference(plain, theirs) > ONE_LEVEL) == (clip_skip != trained)


@pytest.mark.parametrize("family", FAMILIES)
def test_long_texts_of_any_length_are_drawn_together_as_by_diffusers(folders: dict[str, Path], family: str) -> None:
    settings = sampling("ddim", 3, text=reading(max_tokens=225, weights=True))
    base = load_base(folders[family])
    read = read_as(base, settings.text)
    theirs = []
    for item, windows in zip(REQUESTS, WINDOWS, strict=True):
        made = pipeline_of(folders[family], family)
        positive, negative = (embed_texts(read, [text], windows) for text in (item.prompt, item.negative_prompt))
        assert positive.embeddings.shape[1] == windows * 77
        given = {"prompt_embeds": positive.embeddings, "negative_prompt_embeds": negative.embeddings}
        if family == "sdxl":
            given |= {"pooled_prompt_embeds": positive.pooled, "negative_pooled_prompt_embeds": negative.pooled}
        nothing = msgspec.structs.replace(item, negative_prompt=None)
        theirs.append(drawn_by_diffusers(made, [nothing], settings, lambda _: None, **given))
    found = drawn(base, REQUESTS, settings)
    assert largest_difference(found, np.concatenate(theirs)) <= ONE_LEVEL
    # A text that fits is drawn as if nothing were long.
    assert np.array_equal(found[:1], drawn(base, REQUESTS[:1], sampling("ddim", 3)))


def test_what_is_not_read_is_counted(folders: dict[str, Path]) -> None:
    base = load_base(folders["sd-1"])

    def cut(guidance: float, **changes: Any) -> tuple[int, ...]:
        settings = sampling("ddim", 1, guidance, text=reading(**changes))
        items = [request("a " * 80, 1, "a " * 160)]
        return draw(base, items, settings, lambda *_: None, lambda *_: None).truncated_tokens

    assert cut(7.5) == (5 + 85,)
    assert cut(1.0) == (5,)
    assert cut(7.5, max_tokens=150) == (10,)
    assert cut(7.5, max_tokens=225) == (0,)


@pytest.mark.parametrize(
    ("prompt", "changes", "code"),
    [("a (hand:1.2.3)", {"weights": True}, "invalid-weight"), ("a", {"clip_skip": 9}, "clip-skip-too-large")],
)
def test_texts_that_cannot_be_read_are_refused(
    folders: dict[str, Path], prompt: str, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        drawn(load_base(folders["sd-1"]), [request(prompt)], sampling(steps=1, text=reading(**changes)))
    assert caught.value.code == code
