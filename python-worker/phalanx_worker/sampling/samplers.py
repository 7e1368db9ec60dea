"""All samplers by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from phalanx_worker.model.noise_schedule import NoiseSchedule
from phalanx_worker.sampling.ddpm import ddpm
from phalanx_worker.sampling.dpmpp_2m import dpmpp_2m
from phalanx_worker.sampling.euler_ancestral import euler_ancestral
from phalanx_worker.sampling.first_order import first_order
from phalanx_worker.sampling.heun import heun, heun_predictions
from phalanx_worker.sampling.plan import Grid, SamplingPlan, sampling_plan, with_strided_ends
from phalanx_worker.sampling.unipc import unipc
from phalanx_worker.sampling.walk import Walk

SamplerName = Literal["ddim", "ddpm", "euler", "euler-ancestral", "heun", "dpmpp-2m", "dpmpp-2m-karras", "unipc"]


@dataclass(frozen=True)
class Sampler:
    """A way from noise to latents of the training's scale."""

    grid: Grid
    draw: Callable[[Walk], Tensor]
    strided: bool = False
    """Whether a step ends one stride lower, rather than at the next timestep; strides may be uneven."""
    predictions: Callable[[SamplingPlan], int] = lambda plan: len(plan.timesteps)
    """How often it asks the network."""

    def plan(self, schedule: NoiseSchedule, config: Mapping[str, Any], steps: int) -> SamplingPlan:
        """The steps it takes on a base's schedule; raises as `sampling_plan`."""
        plan = sampling_plan(schedule, config, steps, self.grid)
        return with_strided_ends(plan, schedule, config) if self.strided else plan


SAMPLERS: Mapping[SamplerName, Sampler] = {
    "ddim": Sampler("rounded", first_order, strided=True),
    "ddpm": Sampler("rounded", ddpm),
    "euler": Sampler("interpolated", first_order),
    "euler-ancestral": Sampler("interpolated", euler_ancestral),
    "heun": Sampler("interpolated", heun, predictions=heun_predictions),
    "dpmpp-2m": Sampler("multistep", dpmpp_2m),
    "dpmpp-2m-karras": Sampler("karras", dpmpp_2m),
    "unipc": Sampler("multistep", unipc),
}
