"""What the UNet is told beside noisy latents and a timestep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from phalanx_worker.model.base import Base


@dataclass(frozen=True, eq=False)
class Conditioning:
    """Texts as the UNet takes them, one row each."""

    embeddings: Tensor
    """[n, tokens, width]"""
    pooled: Tensor | None
    """[n, width of the pooled embedding], which SDXL takes; None for SD 1 and SD 2."""

    def __len__(self) -> int:
        return len(self.embeddings)

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return self.embeddings.nbytes + (0 if self.pooled is None else self.pooled.nbytes)

    def rows(self, places: slice | Sequence[int]) -> Conditioning:
        """Some of the texts; places may come twice."""
        pooled = None if self.pooled is None else self.pooled[places]
        return Conditioning(self.embeddings[places], pooled)


def joined(parts: Sequence[Conditioning]) -> Conditioning:
    """All texts of all parts, in order."""
    pooled = [part.pooled for part in parts if part.pooled is not None]
    return Conditioning(torch.cat([part.embeddings for part in parts]), torch.cat(pooled) if pooled else None)


@dataclass(frozen=True)
class SizeConditioning:
    """What SDXL is told of an image's size and crop (Podell et al., 2023, section 2.2), all (height, width) in pixels.

    The base as trained knows small images from large ones and cropped ones from whole ones by it.
    """

    original: tuple[int, int]
    """Of the file."""
    crop: tuple[int, int]
    """Top and left of what was cut out."""
    target: tuple[int, int]
    """Of what the UNet works on."""

    @property
    def time_ids(self) -> Tensor:
        """[6] float32, in the order of diffusers and sd-scripts."""
        return torch.tensor([*self.original, *self.crop, *self.target], dtype=torch.float32)


@dataclass(frozen=True, eq=False)
class Residuals:
    """What ControlNets add to the UNet's features."""

    down: tuple[Tensor, ...]
    """At each of the encoder's outputs."""
    middle: Tensor

    def plus(self, other: Residuals) -> Residuals:
        """Both together."""
        down = tuple(one + another for one, another in zip(self.down, other.down, strict=True))
        return Residuals(down, self.middle + other.middle)


def predict(
    base: Base,
    latents: Tensor,
    timesteps: Tensor | float,
    conditioning: Conditioning,
    time_ids: Tensor | None,
    residuals: Residuals | None = None,
) -> Tensor:
    """The UNet's prediction for `latents` [n, channels, height, width].

    `time_ids` [n, 6] are `SizeConditioning`s, which SDXL needs and the other families do without. An inpainting UNet
    takes latents, mask and masked latents as channels of `latents`.
    """
    prediction: Tensor = base.unet(
        latents,
        timesteps,
        conditioning.embeddings,
        added_cond_kwargs=added_conditions(base, conditioning, time_ids),
        down_block_additional_residuals=None if residuals is None else residuals.down,
        mid_block_additional_residual=None if residuals is None else residuals.middle,
        return_dict=False,
    )[0]
    return prediction


def added_conditions(base: Base, conditioning: Conditioning, time_ids: Tensor | None) -> dict[str, Tensor] | None:
    """What SDXL's networks take beside the text; None for the other families."""
    if base.family != "sdxl":
        return None
    if conditioning.pooled is None or time_ids is None:
        raise ValueError("SDXL needs a pooled embedding and sizes")
    return {"text_embeds": conditioning.pooled, "time_ids": time_ids}
