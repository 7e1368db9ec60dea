"""The ancestral sampler of DDPM."""

from __future__ import annotations

from torch import Tensor

from phalanx_worker.sampling.walk import Walk


def ddpm(walk: Walk) -> Tensor:
    """Denoising diffusion probabilistic models (Ho et al., 2020, algorithm 2) with the smaller of the two variances.

    Steps that leave timesteps out use the transition between the two they join (Nichol and Dhariwal, 2021).
    """
    latents = walk.start()
    for step, (here, end) in enumerate(zip(walk.plan.scales, walk.plan.ends, strict=True)):
        original = walk.estimate(latents, step).original
        kept = here.signal / end.signal
        added = 1 - kept**2
        mean = (end.signal * added * original + kept * end.noise**2 * latents) / here.noise**2
        variance = end.noise**2 / here.noise**2 * added
        latents = walk.settled(walk.stirred(mean, step, variance**0.5), step)
    return latents
