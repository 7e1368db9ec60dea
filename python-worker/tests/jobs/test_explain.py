"""What is said of a training before it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from phalanx_worker.errors import ConfigError
from phalanx_worker.jobs import explain, train
from phalanx_worker.jobs.context import JobCancelled
from phalanx_worker.jobs.training_feed import read_held_out
from phalanx_worker.model.base import base_sha256, base_tensors
from phalanx_worker.model.load import load_base
from phalanx_worker.model.warm import warm_base
from phalanx_worker.protocol.messages import (
    ControlNetTechnique,
    DatasetReference,
    ExplainJob,
    ExplainResult,
    LearnedToken,
    PublishedBase,
    StoredBase,
    Technique,
    TextualInversionTechnique,
    TrainingSettings,
)
from tests.small import Recorder, full_technique, lora_technique, settings, train_job


def explained(base: StoredBase | PublishedBase, wanted: TrainingSettings) -> ExplainResult:
    return explain.run(ExplainJob(base=base, settings=wanted, measured=()), Recorder().context)


def tokens(*words: str | None, placeholder: str = "<palm>") -> TextualInversionTechnique:
    learned = tuple(
        LearnedToken(placeholder=f"{placeholder}{index}", initial_word=word, vectors=1)
        for index, word in enumerate(words)
    )
    return TextualInversionTechnique(tokens=learned, templates=("a photo of a {}",), norm="none")


LOCON = {"targets": ("attention", "mlp", "convolution"), "convolution_rank": 8, "convolution_alpha": 4.0}


@pytest.mark.parametrize(
    ("name", "options", "layers", "wide", "parameters"),
    [
        # research by module counts and formulas of sd-scripts' `networks/lora.py`: UNet r * 423,936, text r * 165,888.
        ("sd-1.5", {}, {"unet": 192, "text-encoder": 72}, 0, 32 * (423_936 + 165_888)),
        ("sd-1.5", LOCON, {"unet": 278, "text-encoder": 72}, 50, 32 * (506_816 + 165_888) + 8 * 544_000),
        ("sdxl-1.0", {"parts": ("unet",)}, {"unet": 722}, 0, 32 * 2_659_840),
        ("sdxl-1.0", {"parts": ("unet",), **LOCON}, {"unet": 788}, 38, 32 * 2_718_400 + 8 * 355_840),
        ("sd-2.1", {"parts": ("text-encoder",)}, {"text-encoder": 138}, 0, 32 * 23 * (4 * 2048 + 2 * 5120)),
    ],
)
def test_a_lora_of_a_published_base_is_that_of_sd_scripts(
    name: Any, options: dict[str, Any], layers: dict[str, int], wide: int, parameters: int
) -> None:
    found = explained(PublishedBase(name=name), settings(technique=lora_technique(rank=32, alpha=1.0, **options)))
    counted = {part: sum(item.layers for item in found.layers if item.part == part) for part in layers}
    assert counted == layers
    assert sum(item.wide_convolutions for item in found.layers) == wide
    assert found.trained_parameters == sum(item.parameters for item in found.layers) == parameters
    # Float32 factors and an alpha for each layer.
    assert found.result_bytes == 4 * (parameters + sum(layers.values()))


@pytest.mark.parametrize(
    ("name", "parameters", "prediction"),
    [("sd-1.5", 768, "epsilon"), ("sd-2.1", 1024, "v_prediction"), ("sdxl-1.0", 2048, "epsilon")],
)
def test_initial_words_of_published_bases_are_taken_as_one_token(name: Any, parameters: int, prediction: str) -> None:
    found = explained(PublishedBase(name=name), settings(technique=tokens("handshake")))
    assert (found.trained_parameters, found.prediction) == (parameters, prediction)


def test_the_published_bases_have_their_published_sizes() -> None:
    # UNet, text encoders and autoencoder, as the model cards and `from_pretrained(...).num_parameters()` say.
    sizes = {
        "sd-1.5": 859_520_964 + 123_060_480 + 83_653_863,
        "sd-2.1": 865_910_724 + 340_387_840 + 83_653_863,
        "sdxl-1.0": 2_567_463_684 + 123_060_480 + 694_659_840 + 83_653_863,
    }
    plain = settings(technique=full_technique(parts=("unet",), weights="float16", layout="single-file"))
    found = {name: explained(PublishedBase(name=name), plain) for name in sizes}  # type: ignore[arg-type]
    assert {name: item.base_parameters for name, item in found.items()} == sizes
    assert {name: item.result_bytes for name, item in found.items()} == {name: 2 * size for name, size in sizes.items()}


@pytest.mark.parametrize(
    "technique",
    [
        lora_technique(rank=4, targets=("attention", "convolution")),
        lora_technique(rank=2, decomposed=True, up_learning_rate_ratio=16.0),
        tokens("hand"),
        full_technique(parts=("unet",), weights="float16", layout="single-file"),
    ],
)
def test_what_is_said_is_what_a_training_makes(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path, technique: Technique
) -> None:
    said = explained(StoredBase(path=str(base_folder)), settings(technique=technique))
    trained = train.run(train_job(base_folder, dataset, tmp_path, technique=technique, steps=1), Recorder().context)
    assert said.trained_parameters == trained.trained_parameters == sum(item.parameters for item in said.groups)
    with safe_open(trained.path, "pt") as file:
        sizes = [file.get_slice(name) for name in file.keys()]  # noqa: SIM118
        numbers = sum(_bytes(item.get_shape(), item.get_dtype()) for item in sizes)
    assert said.result_bytes == numbers


def _bytes(shape: list[int], kind: str) -> int:
    total = {"F32": 4, "F16": 2, "I64": 8}[kind]
    for size in shape:
        total *= size
    return total


def test_ranks_beyond_a_layers_size_are_counted(base_folder: Path) -> None:
    # Every layer has an output or input of at most 64 numbers.
    said = explained(StoredBase(path=str(base_folder)), settings(technique=lora_technique(rank=128)))
    assert all(item.overfull == item.layers for item in said.layers)
    assert all(
        item.overfull == 0
        for item in explained(StoredBase(path=str(base_folder)), settings(technique=lora_technique(rank=2))).layers
    )


def test_rates_are_those_of_their_groups(base_folder: Path) -> None:
    technique = lora_technique(unet_learning_rate=1e-2, up_learning_rate_ratio=4.0)
    said = explained(StoredBase(path=str(base_folder)), settings(technique=technique))
    assert sorted(item.learning_rate for item in said.groups) == pytest.approx([1e-3, 4e-3, 1e-2, 4e-2])


def test_the_warm_base_is_not_touched(base_folder: Path) -> None:
    recorder = Recorder()
    base = warm_base(recorder.context.warm, base_folder, "cpu")
    before = {name: tensor.data_ptr() for name, tensor in base_tensors(base.parts).items()}
    for technique in (
        lora_technique(),
        tokens("hand", None),
        full_technique(),
    ):
        explain.run(
            ExplainJob(base=StoredBase(path=str(base_folder)), settings=settings(technique=technique), measured=()),
            recorder.context,
        )
    assert {name: tensor.data_ptr() for name, tensor in base_tensors(base.parts).items()} == before
    assert base_sha256(base.parts) == load_base(base_folder).sha256
    assert not any(parameter.requires_grad for part in base.parts.values() for parameter in part.parameters())


def test_what_a_training_refuses_is_refused(base_folder: Path) -> None:
    stored = StoredBase(path=str(base_folder))
    with pytest.raises(ConfigError, match="tokens in this base"):
        explained(stored, settings(technique=tokens("handshake of two")))
    with pytest.raises(ConfigError) as caught:
        explained(PublishedBase(name="sd-1.5"), settings(technique=lora_technique(targets=())))
    assert caught.value.code == "no-layers"


def test_a_control_net_of_a_published_base() -> None:
    net = ControlNetTechnique(start=None, channels=(16, 32, 96, 256), weights="float16")
    said = explained(PublishedBase(name="sd-1.5"), settings(technique=net))
    # The published ControlNets of SD 1.5 have 361,279,120 parameters.
    assert said.trained_parameters == 361_279_120
    # Two bytes each, in the folder and in the file beside it.
    assert said.result_bytes == 2 * 2 * 361_279_120


@pytest.mark.parametrize("technique", [lora_technique(rank=2), tokens("hand")])
def test_steps_are_measured_and_forgotten(base_folder: Path, dataset: DatasetReference, technique: Technique) -> None:
    recorder = Recorder()
    job = ExplainJob(
        base=StoredBase(path=str(base_folder)),
        settings=settings(technique=technique, steps=1),
        measured=(read_held_out(dataset, ()).subset,),
    )
    found = explain.run(job, recorder.context)
    assert found.step_cost is not None and found.step_cost.seconds > 0 and found.step_cost.peak_memory > 0
    base = warm_base(recorder.context.warm, base_folder, "cpu")
    assert base_sha256(base.parts) == load_base(base_folder).sha256


def test_a_trial_stops_between_steps(base_folder: Path, dataset: DatasetReference) -> None:
    recorder = Recorder()
    recorder.context.token.requested.set()
    job = ExplainJob(
        base=StoredBase(path=str(base_folder)),
        settings=settings(technique=lora_technique(rank=2)),
        measured=(read_held_out(dataset, ()).subset,),
    )
    with pytest.raises(JobCancelled):
        explain.run(job, recorder.context)
