"""The network that a sampler asks: UNet, ControlNets and guidance for one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from phalanx_worker.lanes import Lanes
from phalanx_worker.model.base import Base
from phalanx_worker.model.conditioning import Conditioning, SizeConditioning, predict
from phalanx_worker.model.control_net import Control, residuals_of
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


def network_of(base: Base, conditioning: Conditioning, beside: Beside, lanes: Lanes) -> Denoiser:
    """The UNet's prediction for as many latents as there are rows of `conditioning`, the images once or twice."""
    spans = lanes.spans(len(conditioning))
    # One tensor per part for all steps: what attention remembers of it goes by identity.
    texts = [conditioning.rows(span) for span in spans]
    time_ids = [beside.sizes.time_ids.to(base.device).expand(len(text), -1) for text in texts]
    shown = None if beside.shown is None else _repeated(beside.shown, len(conditioning))

    def network(latents: Tensor, timestep: float) -> Tensor:
        given = latents if shown is None else torch.cat([latents, shown], dim=1)
        controls = [
            control.over(_repeated(control.pictures, len(conditioning))) for control in beside.controls(timestep)
        ]

        @torch.inference_mode()
        def part(place: int) -> Tensor:
            span = spans[place]
            acting = [control.over(control.pictures[span]) for control in controls]
            added = residuals_of(base, acting, latents[span], timestep, texts[place], time_ids[place])
            return predict(base, given[span], timestep, texts[place], time_ids[place], added)

        return torch.cat(lanes.map(part, range(len(spans))))

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


def _repeated(rows: Tensor, count: int) -> Tensor:
    return rows.repeat(count // len(rows), 1, 1, 1)
