"""Euler's method with fresh noise."""

from __future__ import annotations

from torch import Tensor

from phalanx_worker.sampling.walk import Walk


def euler_ancestral(walk: Walk) -> Tensor:
    """Each step goes down to less noise than the next level has, and noise makes up the rest (k-diffusion, eta 1)."""
    latents = walk.start()
    for step, (here, end) in enumerate(zip(walk.plan.scales, walk.plan.ends, strict=True)):
        found = walk.estimate(latents, step)
        down = end.ratio**2 / here.ratio
        up = (end.ratio**2 - down**2) ** 0.5
        latents = end.signal * (found.original + down * found.noise)
        latents = walk.settled(walk.stirred(latents, step, end.signal * up), step)
    return latents
