"""A base in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from phalanx_worker.artefacts.tensors import tensors_sha256
from phalanx_worker.model.noise_schedule import NoiseSchedule

Family = Literal["sd-1"]


@dataclass(frozen=True, eq=False)
class Base:
    """A text-to-image model of the SD 1 breed with float32 weights, in evaluation mode, without gradients."""

    unet: UNet2DConditionModel
    autoencoder: AutoencoderKL
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer
    noise_schedule: NoiseSchedule
    scheduler_config: Mapping[str, Any]
    """As in the base's `scheduler_config.json`."""
    family: Family
    folder: Path
    """Where it was read from; its small files are copied when it is saved anew."""
    sha256: str
    """Identity: over names, types, shapes and bytes of all tensors as float32."""

    @property
    def reduction(self) -> int:
        """Pixels per latent element along one side."""
        return int(2 ** (len(self.autoencoder.config.block_out_channels) - 1))

    @property
    def image_size(self) -> int:
        """Side in pixels of the square images it was made for."""
        return int(self.unet.config.sample_size) * self.reduction

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        device: torch.device = self.unet.device
        return device

    @property
    def parts(self) -> dict[str, nn.Module]:
        """The modules with weights, by the folder they are stored in."""
        return {"unet": self.unet, "vae": self.autoencoder, "text_encoder": self.text_encoder}


def base_tensors(parts: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """All weights by part and name."""
    return {f"{part}.{name}": tensor for part, module in parts.items() for name, tensor in module.state_dict().items()}


def base_sha256(parts: Mapping[str, nn.Module]) -> str:
    """The identity of a base with these parts."""
    return tensors_sha256(base_tensors(parts))


def autoencoder_sha256(base: Base) -> str:
    """Identity of the autoencoder's weights, for keys of cached latents."""
    return tensors_sha256(base.autoencoder.state_dict())


def text_encoder_sha256(base: Base) -> str:
    """Identity of the text encoder's weights, for keys of cached embeddings."""
    return tensors_sha256(base.text_encoder.state_dict())
