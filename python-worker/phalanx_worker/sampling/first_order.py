"""DDIM and Euler's method: one straight step from each noise level to the next."""

from __future__ import annotations

from torch import Tensor

from phalanx_worker.sampling.walk import Walk


def first_order(walk: Walk) -> Tensor:
    """Denoising diffusion implicit models (Song et al., 2021) with eta 0.

    Between the same noise levels it is Euler's method on the probability-flow equation (Karras et al., 2022, algorithm
    2 without churn or correction), written for latents of unit variance; the samplers `ddim` and `euler` differ in
    their plans.
    """
    latents = walk.start()
    for step, end in enumerate(walk.plan.ends):
        found = walk.estimate(latents, step)
        latents = walk.settled(end.signal * found.original + end.noise * found.noise, step)
    return latents
