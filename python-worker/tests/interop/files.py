"""Files as techniques write them, with random numbers in place of trained ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from phalanx_worker.model.base import Base
from phalanx_worker.protocol.messages import (
    ControlNetTechnique,
    LearnedToken,
    LohaTechnique,
    LokrTechnique,
    LoraTechnique,
    TextualInversionTechnique,
)
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.registry import create_technique
from phalanx_worker.techniques.technique import ExportRequest, named_parameters
from tests.small import loha_technique, lokr_technique, lora_technique, settings

Written = LoraTechnique | LohaTechnique | LokrTechnique | TextualInversionTechnique | ControlNetTechnique
LORA = lora_technique(rank=4, alpha=2.0)
LOCON = lora_technique(
    rank=4, alpha=2.0, targets=("attention", "mlp", "convolution"), convolution_rank=2, convolution_alpha=3.0
)
LOHA = loha_technique(rank=2, alpha=1.0)
LOKR = lokr_technique(alpha=2.0)
EMBEDDING = TextualInversionTechnique(
    tokens=(LearnedToken(placeholder="<five>", initial_word="hand", vectors=2),), templates=("{}",), norm="none"
)
CONTROL_NET = ControlNetTechnique(channels=(16, 32, 96, 256), start=None, weights="float32")


def exported(base: Base, technique: Written, folder: Path, name: str = "ours") -> Path:
    """The result of a technique whose parameters that begin at nothing, or at a word, are random."""
    chosen = settings(technique=technique)
    attached = create_technique(chosen)
    attached.attach(base, Streams(1))
    try:
        for place, (parameter, value) in enumerate(named_parameters(attached).items()):
            if starts_at_nothing(parameter, technique):
                with torch.no_grad():
                    value.add_((1.0 if technique is EMBEDDING else 0.2) * random_numbers(place, *value.shape))
        folder.mkdir(parents=True, exist_ok=True)
        request = ExportRequest(
            folder=folder, name=name, settings=chosen, steps=1, base_sha256=base.sha256, subsets=(),
            images=no_images, progress=lambda *_: None,
        )  # fmt: skip
        return attached.export(request).path
    finally:
        attached.detach()


def starts_at_nothing(parameter: str, technique: Written) -> bool:
    if isinstance(technique, ControlNetTechnique):
        return parameter.startswith(("controlnet_down", "controlnet_mid", "controlnet_cond_embedding.conv_out"))
    return "lora_down" not in parameter


def no_images() -> Iterator[Tensor]:
    return iter(())


def random_numbers(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
