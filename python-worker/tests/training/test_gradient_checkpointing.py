"""Gradient checkpointing: the same losses, gradients and weights, from fewer numbers that are kept."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from phalanx_worker.artefacts.tensors import read_tensors
from phalanx_worker.jobs import train
from phalanx_worker.model.gradient_checkpointing import gradient_checkpointing
from phalanx_worker.model.load import load_base
from phalanx_worker.protocol.messages import (
    AutoencoderTechnique,
    ControlNetTechnique,
    DatasetReference,
    LearnedToken,
    NegativeEmbeddingTechnique,
    TextualInversionTechnique,
)
from phalanx_worker.protocol.messages import Technique as TechniqueSettings
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.registry import create_technique
from phalanx_worker.techniques.technique import Technique, named_parameters
from tests.small import Recorder, full_technique, lora_technique, settings, train_job

DROPOUT = {"network_dropout": 0.3, "rank_dropout": 0.25, "module_dropout": 0.2}
FULL = full_technique()
TECHNIQUES: dict[str, TechniqueSettings] = {
    "lora with dropout": lora_technique(targets=("attention", "mlp", "convolution"), **DROPOUT),
    "full": FULL,
    "textual inversion": TextualInversionTechnique(
        tokens=(LearnedToken(placeholder="<hand>", initial_word="hand", vectors=1),), templates=("a {}",), norm="none"
    ),
    "negative embedding": NegativeEmbeddingTechnique(
        placeholder="<bad>", initial_word="hand", vectors=1, guidance=3.0, norm="none"
    ),
    "control net": ControlNetTechnique(channels=(16, 32, 96, 256), start=None, weights="float32"),
    "autoencoder": AutoencoderTechnique(kl_weight=1e-4, gradient_weight=1.0, crop=None),
}


def attached(base_folder: Path, chosen: TechniqueSettings) -> Technique:
    technique = create_technique(settings(technique=chosen))
    technique.attach(load_base(base_folder), Streams(3))
    generator = torch.Generator().manual_seed(2)
    # Layers of zeros would hide what comes before them.
    with torch.no_grad():
        for parameter in named_parameters(technique).values():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.02)
    return technique


def batch(technique: Technique, words: str) -> Batch:
    generator = torch.Generator().manual_seed(4)
    captions = tuple(f"{words} {number}" for number in ("one", "two", "one"))
    latents = torch.randn(3, 4, 8, 8, generator=generator)
    pixels = torch.rand(3, 3, 16, 16, generator=generator)
    pictures = pixels if technique.reads_controls else None
    feed = (pixels * 2 - 1, None) if technique.feed == "pixels" else (None, latents)
    sizes = torch.tensor([[16.0, 16.0, 0.0, 0.0, 16.0, 16.0]] * 3) if technique.base.family == "sdxl" else None
    return Batch(Streams(7), 3, (0, 1, 2), captions, *feed, None, time_ids=sizes, controls=pictures)


Gradients = tuple[float, tuple[Tensor | None, ...], int]


def gradients(technique: Technique, checkpointing: bool, backward: Callable[..., Any] | None = None) -> Gradients:
    """Loss, gradients, and how many numbers were kept for them."""
    kept = 0

    def keep(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += tensor.numel()
        return tensor

    nets = [net.module for net in technique.control_nets()]
    modules = [*technique.base.parts.values(), *nets]
    with gradient_checkpointing(modules) if checkpointing else nullcontext():
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = technique.loss(batch(technique, "a <hand> in"))
        differentiate = torch.autograd.grad if backward is None else backward
        found = differentiate(loss, list(named_parameters(technique).values()), allow_unused=True)
    return float(loss.detach()), found, kept


def same(first: Gradients, second: Gradients) -> None:
    """Bit by bit: on a processor the same operations meet the same numbers twice."""
    assert first[0] == second[0]
    assert any(gradient is not None for gradient in first[1])
    for one, other in zip(first[1], second[1], strict=True):
        assert (one is None and other is None) or torch.equal(one, other)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", TECHNIQUES)
def test_gradients_are_the_same_from_fewer_numbers(base_folder: Path, name: str) -> None:
    technique = attached(base_folder, TECHNIQUES[name])
    plain = gradients(technique, False)
    checkpointed = gradients(technique, True)
    same(plain, checkpointed)
    # About a third to a half; these networks have one or two layers in a block.
    assert checkpointed[2] < 0.7 * plain[2]
    again = gradients(technique, False)
    technique.detach()
    # Nothing of it stays.
    assert again[2] == plain[2]


@pytest.mark.parametrize("family", ["sd-2", "sdxl"])
def test_other_families_are_the_same(family_folders: dict[str, Path], family: str) -> None:
    technique = attached(family_folders[family], lora_technique())
    same(gradients(technique, False), gradients(technique, True))
    technique.detach()


def test_text_encoders_keep_less_too(family_folders: dict[str, Path]) -> None:
    base = load_base(family_folders["sdxl"])
    for encoder in base.text_encoders:
        encoder.requires_grad_(True)
        kept = []
        for checkpointing in (False, True):
            count = 0

            def keep(tensor: Tensor) -> Tensor:
                nonlocal count
                count += tensor.numel()
                return tensor

            with (
                gradient_checkpointing([encoder]) if checkpointing else nullcontext(),
                torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
            ):
                encoder(torch.arange(77)[None])
            kept.append(count)
        assert kept[1] < 0.5 * kept[0]


def test_dropout_is_the_same_on_another_thread(base_folder: Path) -> None:
    technique = attached(base_folder, TECHNIQUES["lora with dropout"])
    plain = gradients(technique, False)
    with ThreadPoolExecutor(1) as pool:

        def elsewhere(*inputs: Any, **options: Any) -> Any:
            # As CUDA does: gradients are computed on a thread of their own.
            return pool.submit(torch.autograd.grad, *inputs, **options).result()

        same(plain, gradients(technique, True, elsewhere))
    technique.detach()


def test_a_training_gives_the_same_weights(base_folder: Path, dataset: DatasetReference, tmp_path: Path) -> None:
    found = []
    for checkpointing in (False, True):
        output = tmp_path / str(checkpointing)
        technique = lora_technique(**DROPOUT)
        job = train_job(
            base_folder, dataset, output, technique=technique, steps=3, gradient_checkpointing=checkpointing
        )
        train.run(job, Recorder().context)
        found.append(read_tensors(output / "checkpoints/step-00000003/weights.safetensors"))
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
