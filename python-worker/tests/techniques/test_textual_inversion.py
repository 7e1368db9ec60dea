"""Textual inversion: the new vectors learn, nothing else moves."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from phalanx_worker.artefacts.tensors import read_metadata, read_tensors
from phalanx_worker.errors import ConfigError
from phalanx_worker.jobs import train
from phalanx_worker.model.adapters import applied
from phalanx_worker.model.base import base_sha256
from phalanx_worker.model.initial_vectors import phrase_vectors
from phalanx_worker.model.load import load_base
from phalanx_worker.model.text import embed_texts, read_texts
from phalanx_worker.protocol.messages import (
    DatasetReference,
    LearnedToken,
    TextualInversionTechnique,
    TrainJob,
    TrainResult,
)
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.textual_inversion import TextualInversion
from tests.drawing import drawn, drawn_by_diffusers, largest_difference, pipeline, request, sampling
from tests.small import PLAIN, Killed, Recorder, adapter_reference, train_job

ONE = (LearnedToken(placeholder="<five>", initial_word="hand", vectors=1),)
SEVERAL = (
    LearnedToken(placeholder="<five>", initial_word="hand", vectors=3),
    LearnedToken(placeholder="<Fist>", initial_word=None, vectors=2),
)
TEMPLATES = ("a photo of a {}", "a drawing of a {}, {}")
REQUESTS = [
    request("a photo of a <five>", 1, "a fist"),
    request("<five>,<five> and a drawing", 2, "a <five>"),
    request("(<five>), a photo.<five>!", 3),
]


def technique(
    tokens: tuple[LearnedToken, ...] = ONE, norm: Any = "none", templates: tuple[str, ...] = TEMPLATES
) -> TextualInversionTechnique:
    return TextualInversionTechnique(tokens=tokens, templates=templates, norm=norm)


def job_for(base: Path, dataset: DatasetReference, output: Path, wanted: TextualInversionTechnique) -> TrainJob:
    """Eight steps at a rate that shows in pictures."""
    job = train_job(base, dataset, output, technique=wanted)
    fast = msgspec.structs.replace(job.settings.optimizer, learning_rate=0.3)
    changed = msgspec.structs.replace(job.settings, optimizer=fast, ema_decay=None)
    return msgspec.structs.replace(job, settings=changed)


@pytest.fixture(scope="module", params=["one", "several"])
def trained(
    request: pytest.FixtureRequest,
    base_folder: Path,
    dataset: DatasetReference,
    tmp_path_factory: pytest.TempPathFactory,
) -> TrainResult:
    wanted = technique(ONE if request.param == "one" else SEVERAL)
    job = job_for(base_folder, dataset, tmp_path_factory.mktemp("inversion") / "run", wanted)
    return train.run(job, Recorder().context)


def test_the_file_is_that_of_diffusers(trained: TrainResult, base_folder: Path) -> None:
    tensors = read_tensors(Path(trained.path))
    told = json.loads(read_metadata(Path(trained.path))["phalanx.tokens"])
    assert {item["placeholder"]: (item["vectors"], 16) for item in told} == {
        name: tuple(tensor.shape) for name, tensor in tensors.items()
    }
    assert told[0]["initialWord"] == "hand"
    start = phrase_vectors(load_base(base_folder), "hand", len(tensors["<five>"]))["text_encoder"]
    assert bool(((tensors["<five>"] - start).abs().amax(1) > 0.1).all())
    assert (trained.kind, trained.trained_parameters) == ("embedding", sum(item.numel() for item in tensors.values()))


@pytest.mark.parametrize("sampler", ["ddim", "euler"])
def test_plain_diffusers_draws_the_same_with_the_file(trained: TrainResult, base_folder: Path, sampler: str) -> None:
    settings = sampling(sampler)  # type: ignore[arg-type]
    base = load_base(base_folder)
    tensors = read_tensors(Path(trained.path))
    requests = REQUESTS if len(tensors) == 1 else [*REQUESTS, request("a <fist> and a <five>", 4, "<fist>,a")]
    with applied(base, [adapter_reference(file=trained.path, strength=1.0)]) as changed:
        ours = drawn(changed, requests, settings)
    made = pipeline(base_folder)
    if len(tensors) == 1:
        made.load_textual_inversion(trained.path)
    else:
        # Diffusers takes one token per file. It looks for tokens in prompts before it ignores upper and lower case.
        made.load_textual_inversion([{name.lower(): tensor} for name, tensor in tensors.items()])
    theirs = drawn_by_diffusers(made, requests, settings)
    as_words = [request(item.prompt.replace("<five>", "hand"), item.seed, item.negative_prompt) for item in requests]
    assert largest_difference(ours, drawn(base, as_words, settings)) > 1
    # As without an embedding: the same numbers added in another order.
    assert largest_difference(ours, theirs) <= 1


def test_only_the_new_vectors_have_a_gradient_and_the_base_gets_all_back(base_folder: Path) -> None:
    base = load_base(base_folder)
    before = base.text_encoder.get_input_embeddings()
    inversion = TextualInversion(technique((msgspec.structs.replace(ONE[0], vectors=2),)), PLAIN)
    inversion.attach(base, Streams(0))
    texts = embed_texts(inversion.base, ["a <five>", "a hand hand"]).embeddings
    # It starts as the initial word, so both texts are the same.
    assert torch.equal(texts[0], texts[1])
    texts[0].square().sum().backward()
    ((name, vectors),) = inversion.parameter_groups()[0].parameters.items()
    assert name == "text_encoder.<five>"
    assert vectors.grad is not None and bool((vectors.grad.abs().amax(1) > 0).all())
    assert all(parameter.grad is None for part in base.parts.values() for parameter in part.parameters())
    with torch.no_grad():
        vectors[1].add_(1)
    assert not torch.equal(*embed_texts(inversion.base, ["a <five>", "a hand hand"]).embeddings)
    inversion.detach()
    assert base.text_encoder.get_input_embeddings() is before
    assert "<five>" not in base.tokenizer.get_vocab()
    assert base_sha256(base.parts) == base.sha256


def test_a_token_takes_a_place_per_vector_wherever_it_stands(base_folder: Path) -> None:
    base = load_base(base_folder)
    size = len(base.tokenizer)
    inversion = TextualInversion(technique(SEVERAL), PLAIN)
    inversion.attach(base, Streams(0))
    five, fist = [size, size + 1, size + 2], [size + 3, size + 4]

    def ids(text: str) -> list[int]:
        own: list[int] = inversion.base.tokenizer(text, add_special_tokens=False)["input_ids"]
        return own

    a, comma = base.tokenizer("a,", add_special_tokens=False)["input_ids"]
    assert ids("a <five>,<fist>, a") == [a, *five, comma, *fist, comma, a]
    assert ids("<FIST><five>") == [*fist, *five]
    # No vector has a name of its own, as diffusers gives them.
    assert ids("<five>_1")[:3] == five and size + 1 not in ids("<five>_1")[3:]
    # Two of its three places are there, and it is not divided.
    assert read_texts(inversion.base, inversion.base.tokenizer, ["a " * 73 + "<five>"]).truncated == (3,)
    inversion.detach()


def test_random_starts_are_like_the_vocabulary_and_depend_on_seed_and_token(base_folder: Path) -> None:
    def start(seed: int, token: str) -> torch.Tensor:
        base = load_base(base_folder)
        wanted = LearnedToken(placeholder=token, initial_word=None, vectors=64)
        inversion = TextualInversion(technique((wanted,)), PLAIN)
        inversion.attach(base, Streams(seed))
        (vectors,) = inversion.parameter_groups()[0].parameters.values()
        inversion.detach()
        return vectors.detach()

    known = load_base(base_folder).text_encoder.get_input_embeddings().weight
    assert torch.equal(start(1, "<x>"), start(1, "<x>"))
    assert not torch.equal(start(1, "<x>"), start(2, "<x>"))
    assert not torch.equal(start(1, "<x>"), start(1, "<y>"))
    # 64 x 16 draws: a deviation is found to 2.2 %, of which this is five times.
    assert abs(float(start(1, "<x>").std() / known.std()) - 1) < 0.11


@pytest.mark.parametrize("norm", ["none", "initial", "vocabulary"])
def test_lengths_are_kept_after_every_step(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path, norm: str
) -> None:
    wanted = technique((msgspec.structs.replace(ONE[0], vectors=2),), norm)
    result = train.run(job_for(base_folder, dataset, tmp_path / "run", wanted), Recorder().context)
    lengths = read_tensors(Path(result.path))["<five>"].norm(dim=1)
    base = load_base(base_folder)
    known = base.text_encoder.get_input_embeddings().weight.norm(dim=1)
    start = phrase_vectors(base, "hand", 2)["text_encoder"].norm(dim=1)
    # The rate is such that a vector leaves the vocabulary's range when nothing holds it.
    assert (norm == "none") == bool((lengths > known.max() * 1.001).all())
    # One rounding of a square root and a division.
    assert (norm == "initial") == torch.allclose(lengths, start, rtol=1e-5)
    if norm == "vocabulary":
        torch.testing.assert_close(lengths, known.max().expand(2), rtol=1e-5, atol=0)


@pytest.mark.parametrize("norm", ["none", "initial", "vocabulary"])
def test_a_resumed_training_is_bit_equal(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path, norm: str
) -> None:
    def job(folder: str) -> TrainJob:
        return job_for(base_folder, dataset, tmp_path / folder, technique(SEVERAL, norm))

    whole = train.run(job("whole"), Recorder().context)
    with pytest.raises(Killed):
        train.run(job("torn"), Recorder(raise_after=5).context)
    resumed = train.run(job("torn"), Recorder().context)
    assert resumed.resumed_from == 3
    assert resumed.sha256 == whole.sha256


def test_templates_are_chosen_by_counter() -> None:
    inversion = TextualInversion(technique(SEVERAL), PLAIN)
    captions = [inversion.caption("ignored", Streams(1), step, 0) for step in range(200)]
    assert captions == [inversion.caption("other", Streams(1), step, 0) for step in range(200)]
    counts = Counter(captions)
    assert counts.keys() == {"a photo of a <five>, <Fist>", "a drawing of a <five>, <Fist>, <five>, <Fist>"}
    # 200 fair choices: five standard deviations.
    assert abs(counts["a photo of a <five>, <Fist>"] - 100) < 36


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({"placeholder": "hand"}, "placeholder-in-vocabulary", "hand"),
        ({"placeholder": "hand</w>"}, "placeholder-in-vocabulary", "hand</w>"),
        ({"placeholder": "<|endoftext|>"}, "placeholder-in-vocabulary", "endoftext"),
        ({"placeholder": "two words"}, "invalid-placeholder", "two words"),
        ({"placeholder": "<FIST>"}, "duplicate-placeholder", "<Fist>"),
        ({"initial_word": "zebra"}, "initial-word-too-long", "z, e"),
        ({"initial_word": "a hand"}, "initial-word-too-long", "a</w>, hand</w>"),
        ({"initial_word": "a hand, a fist", "vectors": 4}, "initial-word-too-long", "Set vectors to 6"),
        ({"initial_word": " "}, "empty-initial-word", "no token"),
    ],
)
def test_unusable_words_are_refused(base_folder: Path, changes: dict[str, Any], code: str, told: str) -> None:
    base = load_base(base_folder)
    tokens = (SEVERAL[1], msgspec.structs.replace(ONE[0], **changes))
    inversion = TextualInversion(technique(tokens), PLAIN)
    with pytest.raises(ConfigError) as caught:
        inversion.attach(base, Streams(0))
    inversion.detach()
    assert caught.value.code == code
    assert told in str(caught.value)
    assert base_sha256(base.parts) == base.sha256


def test_a_phrase_is_repeated_up_to_the_number_of_vectors(base_folder: Path) -> None:
    base = load_base(base_folder)
    a, hand = (phrase_vectors(base, word, 1)["text_encoder"] for word in ("a", "hand"))
    assert torch.equal(phrase_vectors(base, "a hand", 3)["text_encoder"], torch.cat([a, hand, a]))
