"""Deterministic samplers as pure functions over a network that predicts noise or velocity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from phalanx_worker.errors import ArtefactError
from phalanx_worker.model.noise_schedule import NoiseSchedule

Denoiser = Callable[[Tensor, int], Tensor]
"""The network's prediction, with guidance, for noisy latents of unit variance at a timestep."""
Sampler = Literal["ddim", "euler"]


@dataclass(frozen=True)
class SamplingPlan:
    """Timesteps and shares of signal that a sampler passes through."""

    timesteps: tuple[int, ...]
    """From noise to image."""
    signal: tuple[float, ...]
    """Share of the signal's variance at each timestep (alphas_cumprod)."""
    following: tuple[float, ...]
    """For DDIM: the share after each step."""
    velocity: bool
    """Whether the network predicts velocity (Salimans and Ho, 2022) rather than noise."""


def sampling_plan(schedule: NoiseSchedule, config: Mapping[str, Any], steps: int) -> SamplingPlan:
    """Evenly spaced timesteps from 0 ("leading"), shifted by the config's `steps_offset`, as for Stable Diffusion.

    With as many steps as the schedule has, there is no room for the offset and it is left out. Raises ArtefactError
    (`unknown-scheduler`) for a base that wants another spacing, clipping or rescaled noise.
    """
    _check(config)
    stride = schedule.steps // steps
    offset = min(int(config.get("steps_offset", 0)), schedule.steps - 1 - (steps - 1) * stride)
    timesteps = tuple(step * stride + offset for step in reversed(range(steps)))
    shares = schedule.alphas_cumprod.tolist()
    last = 1.0 if config.get("set_alpha_to_one", True) else shares[0]
    return SamplingPlan(
        timesteps=timesteps,
        signal=tuple(shares[timestep] for timestep in timesteps),
        following=tuple(shares[timestep - stride] if timestep >= stride else last for timestep in timesteps),
        velocity=schedule.prediction == "v_prediction",
    )


def ddim(denoise: Denoiser, noise: Tensor, plan: SamplingPlan) -> Tensor:
    """Denoising diffusion implicit models (Song et al., 2021) with eta 0.

    `noise` is standard normal, [n, channels, height, width]; the result has the scale of the training's latents.
    """
    latents: Tensor = noise
    for timestep, share, following in zip(plan.timesteps, plan.signal, plan.following, strict=True):
        prediction = denoise(latents, timestep)
        signal, sigma = share**0.5, (1 - share) ** 0.5
        if plan.velocity:
            original, direction = signal * latents - sigma * prediction, signal * prediction + sigma * latents
        else:
            original, direction = (latents - sigma * prediction) / signal, prediction
        latents = following**0.5 * original + (1 - following) ** 0.5 * direction
    return latents


def euler(denoise: Denoiser, noise: Tensor, plan: SamplingPlan) -> Tensor:
    """Euler's method on the probability-flow equation (Karras et al., 2022, algorithm 2 without churn or correction).

    The noise levels are those of the timesteps and a last one of 0. Arguments and result as for `ddim`.
    """
    sigmas = [((1 - share) / share) ** 0.5 for share in plan.signal] + [0.0]
    # The state is signal plus sigma times noise, so that its variance starts a little above sigma squared.
    state: Tensor = noise * (sigmas[0] ** 2 + 1) ** 0.5
    for timestep, sigma, following in zip(plan.timesteps, sigmas[:-1], sigmas[1:], strict=True):
        scale = (sigma**2 + 1) ** 0.5
        prediction = denoise(state / scale, timestep)
        if plan.velocity:
            # prediction = noise / scale - sigma * signal / scale, and state = signal + sigma * noise.
            prediction = prediction / scale + state * (sigma / scale**2)
        state = torch.add(state, prediction, alpha=following - sigma)
    return state


SAMPLERS: Mapping[Sampler, Callable[[Denoiser, Tensor, SamplingPlan], Tensor]] = {"ddim": ddim, "euler": euler}


def _check(config: Mapping[str, Any]) -> None:
    wanted = {
        "timestep_spacing": config.get("timestep_spacing", "leading") != "leading",
        "clip_sample": bool(config.get("clip_sample", False)),
        "thresholding": bool(config.get("thresholding", False)),
        "rescale_betas_zero_snr": bool(config.get("rescale_betas_zero_snr", False)),
    }
    found = [f"{name} {config[name]!r}" for name, applies in wanted.items() if applies]
    if found:
        raise ArtefactError(
            f"The base's scheduler asks for {', '.join(found)}, which this worker cannot sample with. "
            "Change its scheduler_config.json if the base was not trained for it.",
            code="unknown-scheduler",
            facts={"unsupported": ", ".join(found)},
        )
