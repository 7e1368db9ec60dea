"""Textual inversion: one row learns, nothing else moves."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import pytest
import torch

from phalanx_worker.artefacts.tensors import read_metadata, read_tensors
from phalanx_worker.errors import ConfigError
from phalanx_worker.jobs import train
from phalanx_worker.model.adapters import applied
from phalanx_worker.model.base import base_sha256
from phalanx_worker.model.load import load_base
from phalanx_worker.model.placeholder import word_embedding
from phalanx_worker.model.text import embed_texts
from phalanx_worker.protocol.messages import (
    AdapterReference,
    DatasetReference,
    TextualInversionTechnique,
    TrainResult,
)
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.textual_inversion import TextualInversion
from tests.drawing import drawn, drawn_by_diffusers, largest_difference, pipeline, request, sampling
from tests.small import PLAIN, Recorder, train_job

TECHNIQUE = TextualInversionTechnique(
    placeholder="<five>", initial_word="hand", templates=("a photo of a {}", "a drawing of a {}, {}")
)
REQUESTS = [request("a photo of a <five>", 1, "a fist"), request("<five>,<five> and a drawing", 2, "a <five>")]


@pytest.fixture(scope="module")
def trained(base_folder: Path, dataset: DatasetReference, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    """An embedding after eight steps at a rate that shows in pictures."""
    job = train_job(base_folder, dataset, tmp_path_factory.mktemp("inversion") / "run", technique=TECHNIQUE)
    fast = msgspec.structs.replace(job.settings.optimizer, learning_rate=0.3)
    changed = msgspec.structs.replace(job.settings, optimizer=fast, ema_decay=None)
    return train.run(msgspec.structs.replace(job, settings=changed), Recorder().context)


def test_the_file_is_that_of_diffusers(trained: TrainResult, base_folder: Path) -> None:
    tensors = read_tensors(Path(trained.path))
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == {"<five>": (1, 16)}
    start = word_embedding(load_base(base_folder), "hand")
    assert float((tensors["<five>"][0] - start).abs().max()) > 0.1
    assert read_metadata(Path(trained.path))["phalanx.initial_word"] == "hand"
    assert (trained.kind, trained.trained_parameters) == ("embedding", 16)


@pytest.mark.parametrize("sampler", ["ddim", "euler"])
def test_plain_diffusers_draws_the_same_with_the_file(trained: TrainResult, base_folder: Path, sampler: str) -> None:
    settings = sampling(sampler)  # type: ignore[arg-type]
    base = load_base(base_folder)
    with applied(base, [AdapterReference(file=trained.path, strength=1.0)]) as changed:
        ours = drawn(changed, REQUESTS, settings)
    made = pipeline(base_folder)
    made.load_textual_inversion(trained.path)
    theirs = drawn_by_diffusers(made, REQUESTS, settings)
    as_words = [request(item.prompt.replace("<five>", "hand"), item.seed, item.negative_prompt) for item in REQUESTS]
    assert largest_difference(ours, drawn(base, as_words, settings)) > 1
    # As without an embedding: the same numbers added in another order.
    assert largest_difference(ours, theirs) <= 1


def test_only_the_new_row_has_a_gradient_and_the_base_gets_all_back(base_folder: Path) -> None:
    base = load_base(base_folder)
    before = base.text_encoder.get_input_embeddings()
    technique = TextualInversion(TECHNIQUE, PLAIN)
    technique.attach(base, Streams(0))
    texts = embed_texts(technique.base, ["a <five>", "a hand"]).embeddings
    # It starts as the initial word, so both texts are the same.
    assert torch.equal(texts[0], texts[1])
    texts[0].square().sum().backward()
    ((name, row),) = technique.parameter_groups()[0].parameters.items()
    assert name == "<five>"
    assert row.grad is not None and float(row.grad.abs().max()) > 0
    assert all(parameter.grad is None for part in base.parts.values() for parameter in part.parameters())
    with torch.no_grad():
        row.add_(1)
    assert not torch.equal(*embed_texts(technique.base, ["a <five>", "a hand"]).embeddings)
    technique.detach()
    assert base.text_encoder.get_input_embeddings() is before
    assert "<five>" not in base.tokenizer.get_vocab()
    assert base_sha256(base.parts) == base.sha256


def test_templates_are_chosen_by_counter() -> None:
    technique = TextualInversion(TECHNIQUE, PLAIN)
    captions = [technique.caption("ignored", Streams(1), step, 0) for step in range(200)]
    assert captions == [technique.caption("other", Streams(1), step, 0) for step in range(200)]
    counts = Counter(captions)
    assert counts.keys() == {"a photo of a <five>", "a drawing of a <five>, <five>"}
    # 200 fair choices: five standard deviations.
    assert abs(counts["a photo of a <five>"] - 100) < 36


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({"placeholder": "hand"}, "placeholder-in-vocabulary", "hand"),
        ({"placeholder": "hand</w>"}, "placeholder-in-vocabulary", "hand</w>"),
        ({"placeholder": "<|endoftext|>"}, "placeholder-in-vocabulary", "endoftext"),
        ({"placeholder": "two words"}, "invalid-placeholder", "two words"),
        ({"initial_word": "zebra"}, "not-one-token", "z, e"),
        ({"initial_word": "a hand"}, "not-one-token", "a</w>, hand</w>"),
        ({"initial_word": " "}, "not-one-token", "none"),
    ],
)
def test_unusable_words_are_refused(base_folder: Path, changes: dict[str, str], code: str, told: str) -> None:
    base = load_base(base_folder)
    technique = TextualInversion(msgspec.structs.replace(TECHNIQUE, **changes), PLAIN)
    with pytest.raises(ConfigError) as caught:
        technique.attach(base, Streams(0))
    technique.detach()
    assert caught.value.code == code
    assert told in str(caught.value)
    assert base_sha256(base.parts) == base.sha256
