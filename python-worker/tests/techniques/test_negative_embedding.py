"""Negative embeddings: what is minimised, that it falls, and that the result works in negative prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from phalanx_worker.artefacts.tensors import read_metadata, read_tensors
from phalanx_worker.errors import ConfigError
from phalanx_worker.jobs import train
from phalanx_worker.model.adapters import applied
from phalanx_worker.model.base import base_sha256
from phalanx_worker.model.load import load_base
from phalanx_worker.model.text import embed_texts
from phalanx_worker.protocol.messages import (
    DatasetReference,
    HeldOutSettings,
    NegativeEmbeddingTechnique,
    PreviewSettings,
    StepEndEvent,
    TrainJob,
    TrainResult,
)
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.negative_embedding import NegativeEmbedding
from tests.drawing import drawn, drawn_by_diffusers, largest_difference, pipeline, preview_sampling, request, sampling
from tests.small import PLAIN, Killed, Recorder, adapter_reference, train_job

SETTINGS = NegativeEmbeddingTechnique(
    placeholder="<bad-hands>", initial_word="a fist", vectors=3, guidance=3.0, norm="none"
)
REQUESTS = [request("a photo of a hand", 1, "<bad-hands>"), request("a fist", 2, "a drawing,<bad-hands>, blue")]


def job_for(base: Path, dataset: DatasetReference, output: Path, **changes: Any) -> TrainJob:
    job = train_job(base, dataset, output, technique=SETTINGS, caption_dropout=0.0, **changes)
    fast = msgspec.structs.replace(job.settings.optimizer, learning_rate=0.1)
    changed = msgspec.structs.replace(job.settings, optimizer=fast, ema_decay=None)
    return msgspec.structs.replace(job, settings=changed)


@pytest.fixture(scope="module")
def trained(
    base_folder: Path, dataset: DatasetReference, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TrainResult, list[StepEndEvent], Path]:
    """Sixteen steps with the loss of the same images, and previews drawn away from the token."""
    output = tmp_path_factory.mktemp("negative") / "run"
    preview = PreviewSettings(
        every=16,
        prompts=("a photo of a hand",),
        seeds=(1,),
        negative_prompt="<bad-hands>",
        sampling=preview_sampling(sampling()),
        control=None,
    )
    job = job_for(base_folder, dataset, output, steps=16, batch_size=4, preview=preview)
    held_out = HeldOutSettings(dataset=dataset, every=1, best=None)
    recorder = Recorder()
    result = train.run(msgspec.structs.replace(job, held_out=held_out), recorder.context)
    return result, [event for event in recorder.events if isinstance(event, StepEndEvent)], output


def test_the_gradient_is_that_of_the_guided_prediction_in_the_unconditional_branch(base_folder: Path) -> None:
    guidance, count = SETTINGS.guidance, 3
    base = load_base(base_folder)
    technique = NegativeEmbedding(SETTINGS, PLAIN)
    technique.attach(base, Streams(3))
    captions = ("a photo of a hand", "a drawing of a fist", "a hand, blue background")
    with torch.no_grad():
        conditioning = embed_texts(base, captions)
    latents = torch.randn(count, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    batch = Batch(Streams(3), 1, tuple(range(count)), captions, None, latents, conditioning)
    (vectors,) = technique.parameter_groups()[0].parameters.values()
    (found,) = torch.autograd.grad(technique.loss(batch), [vectors])

    # By transformers' own way to add tokens, on another copy of the base; the derivative of the loss by the guided
    # prediction by hand, and autograd only for the unconditional branch.
    other = load_base(base_folder)
    names = [f"<bad-hands>{index}" for index in range(3)]
    other.tokenizer.add_tokens(names)
    other.text_encoder.resize_token_embeddings(len(other.tokenizer), mean_resizing=False)
    table = other.text_encoder.get_input_embeddings().weight
    with torch.no_grad():
        table[-3:] = vectors
    table.requires_grad_(True)
    encoded = [
        other.tokenizer(text, padding="max_length", max_length=77, return_tensors="pt")["input_ids"]
        for text in ("".join(names), *captions)
    ]
    states = [other.text_encoder(ids).last_hidden_state for ids in encoded]
    noise = batch.normal("noise", (4, 8, 8))
    steps = batch.integers("timestep", 1000)
    signal = other.noise_schedule.alphas_cumprod[steps].view(-1, 1, 1, 1)
    noisy = signal.sqrt() * latents + (1 - signal).sqrt() * noise
    away = other.unet(noisy, steps, states[0].expand(count, -1, -1)).sample
    with torch.no_grad():
        toward = other.unet(noisy, steps, torch.cat(states[1:])).sample
        error = guidance * toward + (1 - guidance) * away - noise
    (gradient,) = torch.autograd.grad(away, [table], grad_outputs=2 / error.numel() * (1 - guidance) * error)
    # The same numbers added in another order, in float32, over some hundreds of terms.
    torch.testing.assert_close(found, gradient[-3:], rtol=1e-4, atol=1e-7)
    assert float(found.abs().max()) > 1e-4
    technique.detach()
    assert base_sha256(base.parts) == base.sha256


def test_only_the_vectors_have_a_gradient(base_folder: Path) -> None:
    base = load_base(base_folder)
    technique = NegativeEmbedding(SETTINGS, PLAIN)
    technique.attach(base, Streams(0))
    with torch.no_grad():
        conditioning = embed_texts(base, ["a hand"])
    technique.loss(Batch(Streams(0), 1, (0,), ("a hand",), None, torch.ones(1, 4, 8, 8), conditioning)).backward()  # type: ignore[no-untyped-call]
    (vectors,) = technique.parameter_groups()[0].parameters.values()
    assert vectors.grad is not None and bool((vectors.grad.abs().amax(1) > 0).all())
    assert all(parameter.grad is None for part in base.parts.values() for parameter in part.parameters())
    technique.detach()


def test_its_loss_falls(trained: tuple[TrainResult, list[StepEndEvent], Path]) -> None:
    losses = [event.held_out_loss for event in trained[1]]
    assert None not in losses and losses[-1] < losses[0] * 0.999  # type: ignore[operator]


def test_plain_diffusers_draws_the_same_away_from_it(
    trained: tuple[TrainResult, list[StepEndEvent], Path], base_folder: Path
) -> None:
    result, _, output = trained
    assert (result.kind, result.trained_parameters) == ("embedding", 48)
    assert {name: tuple(item.shape) for name, item in read_tensors(Path(result.path)).items()} == {
        "<bad-hands>": (3, 16)
    }
    assert read_metadata(Path(result.path))["phalanx.technique"] == "negative-embedding"
    base = load_base(base_folder)
    with applied(base, [adapter_reference(result.path, 1.0)]) as changed:
        ours = drawn(changed, REQUESTS, sampling())
    made = pipeline(base_folder)
    made.load_textual_inversion(result.path)
    # The same numbers added in another order.
    assert largest_difference(ours, drawn_by_diffusers(made, REQUESTS, sampling())) <= 1
    plain = [request(item.prompt, item.seed) for item in REQUESTS]
    assert largest_difference(ours, drawn(base, plain, sampling())) > 1
    # The preview is drawn with the vectors of the last step, which are the result.
    preview = np.asarray(Image.open(output / "previews/step-00000016/0000.png"))
    assert np.array_equal(preview, ours[0])


def test_an_empty_start_is_the_empty_negative_prompt(base_folder: Path) -> None:
    base = load_base(base_folder)
    technique = NegativeEmbedding(msgspec.structs.replace(SETTINGS, initial_word=""), PLAIN)
    technique.attach(base, Streams(0))
    assert base.tokenizer.pad_token_id == base.tokenizer.eos_token_id
    assert torch.equal(*embed_texts(technique.base, ["<bad-hands>", ""]).embeddings)
    technique.detach()


def test_a_resumed_training_is_bit_equal(base_folder: Path, dataset: DatasetReference, tmp_path: Path) -> None:
    whole = train.run(job_for(base_folder, dataset, tmp_path / "whole"), Recorder().context)
    torn = job_for(base_folder, dataset, tmp_path / "torn")
    with pytest.raises(Killed):
        train.run(torn, Recorder(raise_after=5).context)
    resumed = train.run(torn, Recorder().context)
    assert resumed.resumed_from == 3
    assert resumed.sha256 == whole.sha256


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"placeholder": "hand"}, "placeholder-in-vocabulary"),
        ({"placeholder": "bad hands"}, "invalid-placeholder"),
        ({"initial_word": "zebra zebra"}, "initial-word-too-long"),
        ({"initial_word": " "}, "empty-initial-word"),
    ],
)
def test_unusable_words_are_refused(base_folder: Path, changes: dict[str, Any], code: str) -> None:
    base = load_base(base_folder)
    technique = NegativeEmbedding(msgspec.structs.replace(SETTINGS, **changes), PLAIN)
    with pytest.raises(ConfigError) as caught:
        technique.attach(base, Streams(0))
    technique.detach()
    assert caught.value.code == code
    assert base_sha256(base.parts) == base.sha256
