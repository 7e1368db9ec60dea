"""A base in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from phalanx_worker.artefacts.tensors import tensors_sha256
from phalanx_worker.model.noise_schedule import NoiseSchedule
from phalanx_worker.protocol.messages import TextSettings

Family = Literal["sd-1", "sd-2", "sdxl"]
AS_TRAINED = TextSettings(max_tokens=75, weights=False, clip_skip=None)
"""One window of plain text, from the layer that the family was trained with."""


@dataclass(frozen=True, eq=False)
class Base:
    """A Stable Diffusion with float32 weights, in evaluation mode, without gradients."""

    unet: UNet2DConditionModel
    autoencoder: AutoencoderKL
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer
    text_encoder_2: CLIPTextModelWithProjection | None
    """SDXL's second one, whose embedding is pooled too."""
    tokenizer_2: CLIPTokenizer | None
    """The second encoder's, which pads with another token."""
    noise_schedule: NoiseSchedule
    scheduler_config: Mapping[str, Any]
    """As in the base's `scheduler_config.json`."""
    family: Family
    text: TextSettings
    """How it reads texts; `AS_TRAINED` when it is loaded."""
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
    def inpainting(self) -> bool:
        """Whether the UNet also takes a mask and the latents of what is to stay (9 channels for 4)."""
        return int(self.unet.config.in_channels) != int(self.autoencoder.config.latent_channels)

    @property
    def text_encoders(self) -> tuple[CLIPTextModel | CLIPTextModelWithProjection, ...]:
        """The one, or both of them."""
        return (self.text_encoder,) if self.text_encoder_2 is None else (self.text_encoder, self.text_encoder_2)

    @property
    def parts(self) -> dict[str, nn.Module]:
        """The modules with weights, by the folder they are stored in."""
        parts = {"unet": self.unet, "vae": self.autoencoder, "text_encoder": self.text_encoder}
        return parts if self.text_encoder_2 is None else {**parts, "text_encoder_2": self.text_encoder_2}


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
