"""The network that a sampler asks: UNet, ControlNets and guidance for one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from phalanx_worker.lanes import Lanes
from phalanx_worker.model.base import Base
from phalanx_worker.model.conditioning import Conditioning, SizeConditioning, predict
from phalanx_worker.model.control_net import Control, residuals_of
from phalanx_worker.model.shared_halves import halves_are_alike, shared_halves
from phalanx_worker.protocol.messages import SamplingSettings
from phalanx_worker.sampling.walk import Denoiser


@dataclass(frozen=True)
class Beside:
    """What the network is told beside latents and texts."""

    sizes: SizeConditioning
    shown: Tensor | None
    """[images, channels, height, width] for an inpainting UNet: mask and hidden image."""
    controls: Callable[[float], Sequence[Control]]
    """Those that act at a timestep, with a picture for each image."""


def network_of(base: Base, conditioning: Conditioning, beside: Beside, lanes: Lanes, images: int) -> Denoiser:
    """The UNet's prediction for as many latents as there are rows of `conditioning`: the images once or twice."""
    parts = _parts(base, len(conditioning), images, lanes)
    # One tensor per part for all steps: what attention remembers of it goes by identity.
    texts = [conditioning.rows(part.rows) for part in parts]
    time_ids = [beside.sizes.time_ids.to(base.device).expand(len(text), -1) for text in texts]
    shown = None if beside.shown is None else _repeated(beside.shown, len(conditioning))
    order = torch.tensor([row for part in parts for row in part.rows], device=base.device).argsort()

    def network(latents: Tensor, timestep: float) -> Tensor:
        given = latents if shown is None else torch.cat([latents, shown], dim=1)
        controls = [
            control.over(_repeated(control.pictures, len(conditioning))) for control in beside.controls(timestep)
        ]

        @torch.inference_mode()
        def predicted(place: int) -> Tensor:
            rows = parts[place].rows
            acting = [control.over(control.pictures[rows]) for control in controls]
            added = residuals_of(base, acting, latents[rows], timestep, texts[place], time_ids[place])
            return predict(base, given[rows], timestep, texts[place], time_ids[place], added)

        with shared_halves(base.unet) if parts[0].alike else nullcontext():
            return torch.cat(lanes.map(predicted, range(len(parts))))[order]

    return network


def guided(network: Denoiser, sampling: SamplingSettings) -> Denoiser:
    """Away from the first half of the texts and towards the second (Ho and Salimans, 2022)."""

    def steered(latents: Tensor, timestep: float) -> Tensor:
        without, given = network(torch.cat([latents, latents]), timestep).chunk(2)
        prediction = torch.lerp(without, given, sampling.guidance)
        if sampling.guidance_rescale == 0:
            return prediction
        every = tuple(range(1, prediction.ndim))
        spread = given.std(every, keepdim=True) / prediction.std(every, keepdim=True)
        return torch.lerp(prediction, prediction * spread, sampling.guidance_rescale)

    return steered


@dataclass(frozen=True)
class _Part:
    """What one lane computes."""

    rows: list[int]
    alike: bool
    """Whether the second half of the rows has the latents of the first."""


def _parts(base: Base, count: int, images: int, lanes: Lanes) -> list[_Part]:
    """Even parts of `count` rows; where that is possible, each has an image's rows with and without the prompt."""
    rows = list(range(count))
    if count == images or images % lanes.count != 0 or not halves_are_alike(base.unet):
        return [_Part(rows[span], alike=False) for span in lanes.spans(count)]
    return [_Part(rows[span] + [images + row for row in rows[span]], alike=True) for span in lanes.spans(images)]


def _repeated(rows: Tensor, count: int) -> Tensor:
    return rows.repeat(count // len(rows), 1, 1, 1)
