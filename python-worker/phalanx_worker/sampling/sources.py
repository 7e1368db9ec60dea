"""Latents of the initial images of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.base import Base
from phalanx_worker.protocol.messages import SampleRequest
from phalanx_worker.sampling.picture import Picture, grey
from phalanx_worker.sampling.walk import Kept
from phalanx_worker.streams import Streams
from phalanx_worker.training.latents import encode
from phalanx_worker.training.masks import at_latents

Levels = npt.NDArray[np.uint8 | np.float32]
"""[height, width, 3] RGB from 0 to 255."""


@dataclass(frozen=True)
class Sources:
    """What a batch starts from; tensors are [n, ..., height, width] at the latents' size."""

    latents: Tensor | None
    """Of the initial images, at the training's scale; None when the batch starts from noise alone."""
    mask: Tensor | None
    """[n, 1, ...]: 1 where something new is drawn; None when nothing is kept."""
    shown: Tensor | None
    """[n, 1 + channels, ...]: mask and latents of the hidden images, for a UNet that takes them."""

    @property
    def kept(self) -> Kept | None:
        """What is put back after every step; a UNet that is shown the image keeps it by itself."""
        if self.latents is None or self.mask is None or self.shown is not None:
            return None
        return Kept(self.latents, self.mask)


def takes_mask(base: Base) -> bool:
    """Whether the UNet is made for inpainting and is shown mask and hidden image beside the latents.

    Raises ConfigError (`unknown-channels`) for a UNet with other inputs than latents alone or these.
    """
    channels, latent = int(base.unet.config.in_channels), int(base.autoencoder.config.latent_channels)
    if channels == latent:
        return False
    if channels == 2 * latent + 1:
        return True
    raise ConfigError(
        f"The base's UNet takes {channels} channels, its autoencoder gives {latent}. Sampling knows UNets that take "
        f"{latent} channels, and {2 * latent + 1} for inpainting. Use another base.",
        code="unknown-channels",
        facts={"channels": channels, "latentChannels": latent},
    )


def sources_of(
    base: Base, batch: Sequence[SampleRequest], pictures: Sequence[Picture | None], shape: tuple[int, int, int]
) -> Sources:
    """Encodes the pictures of a batch, of which all or none have an image, and all or none a mask.

    The draw from an image's posterior depends on the request's seed. An inpainting UNet that is given no mask draws
    everything, from a hidden image that is grey.
    """
    seeds = [request.seed for request in batch]
    given = [picture for picture in pictures if picture is not None]
    latents = _latents(base, [picture.pixels for picture in given], seeds, "posterior") if given else None
    masks = [picture.mask for picture in given if picture.mask is not None]
    mask = at_latents(masks, shape[1:]).to(base.device) if masks else None
    shown = None
    if takes_mask(base):
        drawn = torch.ones(len(batch), 1, *shape[1:], device=base.device) if mask is None else mask
        nothing = grey(shape[1] * base.reduction, shape[2] * base.reduction)
        hidden = [picture.hidden() for picture in given] or [nothing] * len(batch)
        shown = torch.cat([drawn, _latents(base, hidden, seeds, "hidden-posterior")], dim=1)
    return Sources(latents, mask, shown)


def _latents(base: Base, images: Sequence[Levels], seeds: Sequence[int], purpose: str) -> Tensor:
    distinct = list({id(image): image for image in images}.values())
    posteriors = dict(zip(map(id, distinct), encode(base, distinct), strict=True))
    rows = []
    for image, seed in zip(images, seeds, strict=True):
        posterior = posteriors[id(image)]
        noise = torch.from_numpy(Streams(seed).normal(purpose, tuple(posterior.mean.shape), 0, 0))
        rows.append(posterior.sample(noise) * base.autoencoder.config.scaling_factor)
    return torch.stack(rows).to(base.device)
