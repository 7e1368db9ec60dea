"""Where a sampler asks the network, from noise to image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from phalanx_worker.errors import ArtefactError, ConfigError
from phalanx_worker.model.noise_schedule import NoiseSchedule

Grid = Literal["rounded", "interpolated", "multistep", "karras"]
"""How a family of samplers lays its timesteps.

`rounded`: whole timesteps. `interpolated`: also between two timesteps. `multistep`: whole timesteps as if there were
one more step, at timestep 0. `karras`: noise levels evenly spaced in their seventh root (Karras et al., 2022, equation
5) between the schedule's lowest and highest.
"""
SPACINGS = ("leading", "trailing", "linspace")
SMALLEST_SHARE = 2.0**-24
"""Stands for a signal of 0 where a sampler needs a finite ratio of noise to signal; also diffusers' choice."""
KARRAS_RHO = 7.0


@dataclass(frozen=True)
class Scales:
    """Noisy latents of unit variance are `signal` times the image's plus `noise` times standard normal noise."""

    signal: float
    noise: float

    @property
    def ratio(self) -> float:
        """Noise over signal: sigma of Karras et al. (2022)."""
        return self.noise / self.signal

    @property
    def is_noise(self) -> bool:
        """Whether there is no signal, or only what stands for none."""
        return self.signal**2 < 2 * SMALLEST_SHARE


CLEAN = Scales(1.0, 0.0)


@dataclass(frozen=True)
class SamplingPlan:
    """The steps of one drawing."""

    timesteps: tuple[float, ...]
    """From noise to image."""
    scales: tuple[Scales, ...]
    """At each timestep."""
    ends: tuple[Scales, ...]
    """After each step."""
    start: float
    """What the first standard normal noise is multiplied with."""
    velocity: bool
    """Whether the network predicts velocity (Salimans and Ho, 2022) rather than noise."""
    first: int
    """Steps that were left out at the noisy end."""

    def tail(self, steps: int) -> SamplingPlan:
        """Only the last `steps`."""
        cut = len(self.timesteps) - steps
        rest = (self.timesteps[cut:], self.scales[cut:], self.ends[cut:])
        return replace(self, timesteps=rest[0], scales=rest[1], ends=rest[2], first=self.first + cut)


def sampling_plan(schedule: NoiseSchedule, config: Mapping[str, Any], steps: int, grid: Grid) -> SamplingPlan:
    """Timesteps as the base's scheduler config asks, laid as diffusers lays them for the same kind of sampler.

    `timestep_spacing` is `leading` (multiples from 0, shifted by `steps_offset`), `trailing` (from the last timestep
    down) or `linspace` (both ends). A config without one gets what diffusers would take: `leading` for `rounded`,
    else `linspace`; a schedule with a terminal SNR of 0 gets `trailing`, since the others would begin elsewhere than
    in training (Lin et al., 2024). With as many steps as the schedule has, there is no room for the offset and it is
    left out. Raises ArtefactError (`unknown-scheduler`) for a base that wants clipping or another spacing, ConfigError
    (`too-many-steps`) when the schedule has not so many.
    """
    _check(config)
    shares = schedule.alphas_cumprod.double().numpy()
    spacing = _spacing(schedule, config, grid)
    if steps > schedule.steps:
        raise _too_many(steps, schedule.steps)
    if grid == "karras":
        timesteps, scales = _karras(_ratios(shares), steps)
    else:
        timesteps = _timesteps(schedule.steps, steps, spacing, int(config.get("steps_offset", 0)), grid)
        scales = _rounded_scales(shares, timesteps) if grid == "rounded" else _between(_ratios(shares), timesteps)
    if any(one.noise <= other.noise and one.signal >= other.signal for one, other in pairwise(scales)):
        raise _too_many(steps, schedule.steps)
    return SamplingPlan(
        timesteps=tuple(timesteps),
        scales=scales,
        ends=(*scales[1:], CLEAN),
        start=scales[0].noise if grid == "interpolated" and spacing != "leading" else 1.0,
        velocity=schedule.prediction == "v_prediction",
        first=0,
    )


def with_strided_ends(plan: SamplingPlan, schedule: NoiseSchedule, config: Mapping[str, Any]) -> SamplingPlan:
    """Ends one whole stride below each timestep, and the last at the config's `set_alpha_to_one`, as DDIM has them."""
    shares = schedule.alphas_cumprod.double().numpy()
    stride = schedule.steps // len(plan.timesteps)
    last = CLEAN if config.get("set_alpha_to_one", True) else _scales_of(float(shares[0]))
    ends = [int(timestep) - stride for timestep in plan.timesteps]
    return replace(plan, ends=tuple(_scales_of(float(shares[end])) if end >= 0 else last for end in ends))


def _spacing(schedule: NoiseSchedule, config: Mapping[str, Any], grid: Grid) -> str:
    usual = "leading" if grid == "rounded" else "linspace"
    return str(config.get("timestep_spacing", "trailing" if schedule.zero_terminal_snr else usual))


def _timesteps(length: int, steps: int, spacing: str, offset: int, grid: Grid) -> list[float]:
    points = steps + 1 if grid == "multistep" else steps
    if spacing == "trailing":
        return [float(round(length - place * (length / steps)) - 1) for place in range(steps)]
    if spacing == "leading":
        stride = length // points
        places = [place * stride for place in range(points)][points - steps :]
        shift = min(offset, length - 1 - places[-1])
        return [float(place + shift) for place in reversed(places)]
    even = np.linspace(0, length - 1, points)[points - steps :]
    # In the precision in which diffusers asks the network.
    laid = even.astype(np.float32) if grid == "interpolated" else even.round()
    return [float(place) for place in laid[::-1]]


def _ratios(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    whole = np.maximum(shares, SMALLEST_SHARE)
    ratios: npt.NDArray[np.float64] = np.sqrt((1 - whole) / whole)
    return ratios


def _karras(ratios: npt.NDArray[np.float64], steps: int) -> tuple[list[float], tuple[Scales, ...]]:
    high, low = ratios[-1] ** (1 / KARRAS_RHO), ratios[0] ** (1 / KARRAS_RHO)
    levels = (high + np.linspace(0, 1, steps) * (low - high)) ** KARRAS_RHO
    places = np.interp(np.log(levels), np.log(ratios), np.arange(len(ratios)))
    return [float(place) for place in places.round()], tuple(_scales_from(float(level)) for level in levels)


def _between(ratios: npt.NDArray[np.float64], timesteps: Sequence[float]) -> tuple[Scales, ...]:
    return tuple(_scales_from(float(level)) for level in np.interp(timesteps, np.arange(len(ratios)), ratios))


def _rounded_scales(shares: npt.NDArray[np.float64], timesteps: Sequence[float]) -> tuple[Scales, ...]:
    return tuple(_scales_of(float(shares[int(timestep)])) for timestep in timesteps)


def _scales_from(ratio: float) -> Scales:
    signal = (1 + ratio * ratio) ** -0.5
    return Scales(signal, ratio * signal)


def _scales_of(share: float) -> Scales:
    return Scales(share**0.5, (1 - share) ** 0.5)


def _too_many(steps: int, length: int) -> ConfigError:
    return ConfigError(
        f"{steps} steps do not fit into the base's schedule of {length} timesteps with this sampler. Take fewer steps.",
        code="too-many-steps",
        facts={"steps": steps, "timesteps": length},
    )


def _check(config: Mapping[str, Any]) -> None:
    wanted = {
        "timestep_spacing": config.get("timestep_spacing", "leading") not in SPACINGS,
        "clip_sample": bool(config.get("clip_sample", False)),
        "thresholding": bool(config.get("thresholding", False)),
    }
    found = [f"{name} {config[name]!r}" for name, applies in wanted.items() if applies]
    if found:
        raise ArtefactError(
            f"The base's scheduler asks for {', '.join(found)}, which this worker cannot sample with. "
            "Change its scheduler_config.json if the base was not trained for it.",
            code="unknown-scheduler",
            facts={"unsupported": ", ".join(found)},
        )
