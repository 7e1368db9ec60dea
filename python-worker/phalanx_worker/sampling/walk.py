"""What a sampler is given: one batch on its way from noise to latents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from phalanx_worker.sampling.plan import CLEAN, SamplingPlan, Scales

Denoiser = Callable[[Tensor, float], Tensor]
"""The network's prediction, with guidance, for noisy latents of unit variance at a timestep."""


@dataclass(frozen=True)
class Estimate:
    """What noisy latents are made of, as the network sees it."""

    original: Tensor
    noise: Tensor


@dataclass(frozen=True)
class Kept:
    """Latents of an image, [n, channels, height, width], of which only the masked part is drawn."""

    image: Tensor
    mask: Tensor
    """[n, 1, height, width]: 1 where something new is drawn."""


@dataclass(frozen=True)
class Walk:
    """Tensors are [n, channels, height, width]; latents on the way have unit variance at every noise level."""

    plan: SamplingPlan
    predict: Denoiser
    noise: Tensor
    """Standard normal, from each image's seed: where the walk starts, and what is added to `image`."""
    fresh_noise: Callable[[int], Tensor]
    """Standard normal of a step, counted in the whole plan; from each image's seed, whatever batch it is in."""
    image: Tensor | None
    """Latents that the walk starts from, made noisy as the first timestep is; None starts from noise alone."""
    kept: Kept | None
    """What must not change; None keeps nothing."""

    def start(self) -> Tensor:
        """Latents at the first timestep."""
        if self.image is None:
            return self.noise * self.plan.start
        return noisy(self.image, self.noise, self.plan.scales[0])

    def estimate(self, latents: Tensor, step: int) -> Estimate:
        """Asks the network at a step's timestep."""
        return self.estimate_at(latents, self.plan.timesteps[step], self.plan.scales[step])

    def estimate_at(self, latents: Tensor, timestep: float, scales: Scales) -> Estimate:
        """Asks the network. With velocity nothing is divided, so that a signal of 0 is no special case."""
        prediction = self.predict(latents, timestep)
        if self.plan.velocity:
            original = scales.signal * latents - scales.noise * prediction
            return Estimate(original, scales.signal * prediction + scales.noise * latents)
        return Estimate((latents - scales.noise * prediction) / scales.signal, prediction)

    def stirred(self, latents: Tensor, step: int, amount: float) -> Tensor:
        """Latents after a step with `amount` times fresh noise."""
        return latents if amount == 0 else latents + amount * self.fresh_noise(self.plan.first + step)

    def settled(self, latents: Tensor, step: int) -> Tensor:
        """Latents after a step, as the next one takes them: with what is kept put back, as noisy as they are."""
        if self.kept is None:
            return latents
        after = self.plan.scales[step + 1] if step + 1 < len(self.plan.scales) else CLEAN
        image = noisy(self.kept.image, self.noise, after)
        return torch.lerp(image, latents, self.kept.mask)


def noisy(image: Tensor, noise: Tensor, scales: Scales) -> Tensor:
    """An image's latents at a noise level."""
    return scales.signal * image + scales.noise * noise
