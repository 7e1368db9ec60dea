"""Plans and samplers against diffusers' schedulers, on a stand-in for the network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler
from torch import Tensor

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.noise_schedule import noise_schedule_from_config
from phalanx_worker.sampling.draw import initial_noise, step_noise
from phalanx_worker.sampling.samplers import SAMPLERS, SamplerName
from phalanx_worker.sampling.walk import Walk
from tests.drawing import SCHEDULERS, our_step_noise

SHAPE = (4, 6, 5)
SPACINGS = ("leading", "trailing", "linspace")
# Both sides count in float32, diffusers its factors too; thirty steps add up their last bits.
CLOSE = {"rtol": 1e-3, "atol": 5e-4}


ZERO_SNR = {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction", "timestep_spacing": "trailing"}


def config_of(**changes: Any) -> dict[str, Any]:
    given = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False}
    return {**given, "set_alpha_to_one": False, "steps_offset": 1, **changes}


def network(latents: Tensor, timestep: float) -> Tensor:
    """Smooth in both, and neither noise nor velocity: a wrong conversion shows."""
    return torch.sin(1.3 * latents + float(timestep) / 300) * 0.8 + latents.flip(-1) * 0.1


def ours(sampler: SamplerName, config: dict[str, Any], steps: int) -> Tensor:
    chosen = SAMPLERS[sampler]
    plan = chosen.plan(noise_schedule_from_config(config), config, steps)
    walk = Walk(plan, network, initial_noise(1, SHAPE)[None], lambda step: step_noise(1, SHAPE, step)[None], None, None)
    return chosen.draw(walk)


def scheduler_for(sampler: SamplerName, config: dict[str, Any]) -> Any:
    """As a pipeline gets it: read by the class that the file names, then made anew for the sampler."""
    kind, changes = SCHEDULERS[sampler]
    return kind.from_config(DDIMScheduler.from_config(config).config, **changes)


def theirs(scheduler: Any, steps: int, precision: torch.dtype = torch.float32) -> Tensor:
    scheduler.set_timesteps(steps)
    if hasattr(scheduler, "set_begin_index"):
        # Or it would look for the first timestep, and begin at the second of two that are equal.
        scheduler.set_begin_index(0)
    latents = initial_noise(1, SHAPE)[None].to(precision) * scheduler.init_noise_sigma
    with our_step_noise(1, SHAPE):
        for timestep in scheduler.timesteps:
            prediction = network(scheduler.scale_model_input(latents, timestep), float(timestep))
            latents = scheduler.step(prediction, timestep, latents, return_dict=False)[0]
    return latents.float()


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("spacing", [*SPACINGS, None])
@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 30])
def test_latents_are_those_of_diffusers(sampler: SamplerName, spacing: str | None, prediction: str, steps: int) -> None:
    config = config_of(prediction_type=prediction, **({} if spacing is None else {"timestep_spacing": spacing}))
    found = ours(sampler, config, steps)
    torch.testing.assert_close(found, theirs(scheduler_for(sampler, config), steps), **CLOSE)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 3, 30, 50, 333, 500])
def test_timesteps_and_noise_levels_are_those_of_diffusers(sampler: SamplerName, spacing: str, steps: int) -> None:
    config = config_of(timestep_spacing=spacing)
    plan = SAMPLERS[sampler].plan(noise_schedule_from_config(config), config, steps)
    scheduler = scheduler_for(sampler, config)
    scheduler.set_timesteps(steps)
    timesteps = scheduler.timesteps[::2] if sampler == "heun" and steps > 1 else scheduler.timesteps
    np.testing.assert_allclose(plan.timesteps, timesteps.numpy(), rtol=1e-6)
    if sampler in ("ddim", "ddpm"):
        shares = scheduler.alphas_cumprod[scheduler.timesteps]
        levels = ((1 - shares) / shares).sqrt()
    else:
        levels = scheduler.sigmas[:-1]
        levels = torch.cat([levels[:1], levels[1:][::2]]) if sampler == "heun" else levels
    # A ratio near 0 comes from a share near 1, of which float32 keeps seven digits.
    np.testing.assert_allclose([item.ratio for item in plan.scales], levels.numpy(), rtol=1e-4)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("steps", [1, 2, 499, 501, 998, 999, 1000])
def test_every_number_of_steps_fits_the_schedule_or_is_refused(sampler: SamplerName, spacing: str, steps: int) -> None:
    config = config_of(timestep_spacing=spacing)
    schedule = noise_schedule_from_config(config)
    try:
        plan = SAMPLERS[sampler].plan(schedule, config, steps)
    except ConfigError as error:
        assert error.code == "too-many-steps"
        # Only where one step more would have to fit as well.
        assert SAMPLERS[sampler].grid == "multistep"
        assert steps == 1000
        return
    assert len(plan.timesteps) == len(plan.scales) == len(plan.ends) == steps
    assert all(0 <= timestep <= 999 for timestep in plan.timesteps)
    assert list(plan.timesteps) == sorted(plan.timesteps, reverse=True)
    assert torch.isfinite(ours(sampler, config, steps)).all()


def test_more_steps_than_timesteps_are_refused() -> None:
    config = config_of(num_train_timesteps=20)
    with pytest.raises(ConfigError) as caught:
        SAMPLERS["euler"].plan(noise_schedule_from_config(config), config, 21)
    assert caught.value.code == "too-many-steps"
    assert caught.value.facts == {"steps": 21, "timesteps": 20}


def test_a_tail_keeps_the_last_steps_and_their_number() -> None:
    plan = SAMPLERS["ddim"].plan(noise_schedule_from_config(config_of()), config_of(), 10)
    tail = plan.tail(4).tail(3)
    assert (tail.timesteps, tail.first) == (plan.timesteps[7:], 7)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 2, 7, 30])
def test_a_first_step_without_signal_is_that_of_diffusers(sampler: SamplerName, steps: int) -> None:
    config = config_of(**ZERO_SNR)
    plan = SAMPLERS[sampler].plan(noise_schedule_from_config(config), config, steps)
    assert (plan.timesteps[0], plan.scales[0].signal < 0.000245) == (999, True)
    found = ours(sampler, config, steps)
    scheduler = scheduler_for(sampler, config)
    # At a ratio of 4096 diffusers' sums lose the image's last bits in float32.
    expected = heun_from_noise(config, steps) if sampler == "heun" else theirs(scheduler, steps, torch.float64)
    torch.testing.assert_close(found, expected, **CLOSE)


def heun_from_noise(config: dict[str, Any], steps: int) -> Tensor:
    """Diffusers' Heun knows no terminal SNR of 0: Euler's scheduler lends it the table and the first step."""
    euler = scheduler_for("euler", config)
    heun = scheduler_for("heun", config)
    heun.alphas_cumprod = euler.alphas_cumprod
    euler.set_timesteps(steps)
    heun.set_timesteps(steps)
    heun.set_begin_index(2)
    latents = initial_noise(1, SHAPE)[None].double()
    latents = euler.step(network(latents, 999.0), euler.timesteps[0], latents * 4096, return_dict=False)[0]
    for timestep in heun.timesteps[2:] if steps > 1 else ():
        heun._step_index = heun.begin_index if heun.step_index is None else heun.step_index
        prediction = network(heun.scale_model_input(latents, timestep), float(timestep))
        latents = heun.step(prediction, timestep, latents, return_dict=False)[0]
    return latents.float()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_without_a_spacing_a_terminal_snr_of_0_is_trailing(sampler: SamplerName) -> None:
    config = {name: value for name, value in config_of(**ZERO_SNR).items() if name != "timestep_spacing"}
    plan = SAMPLERS[sampler].plan(noise_schedule_from_config(config), config, 4)
    assert plan.timesteps[0] == 999
