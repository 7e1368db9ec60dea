"""A base whose noise goes all the way."""

from __future__ import annotations

from dataclasses import replace

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.base import Base


def with_zero_terminal_snr(base: Base) -> Base:
    """The same weights on a noise schedule whose last timestep has no signal, and with trailing timesteps.

    Without it the last timestep keeps some of the image's mean brightness, and a network that learned to read it
    draws every picture of medium brightness (Lin et al., 2024). Saved, the base says so in its scheduler config.
    Raises ConfigError (`zero-snr-epsilon`) for a base that predicts noise.
    """
    schedule = base.noise_schedule
    if schedule.prediction == "epsilon":
        raise ConfigError(
            "A terminal SNR of 0 cannot be right for a base that predicts noise (epsilon): at the last timestep the "
            "input is the noise, and its prediction says nothing about the image. Leave zeroTerminalSnr out, or use a "
            "base with v_prediction.",
            code="zero-snr-epsilon",
            facts={"base": str(base.folder), "prediction": schedule.prediction},
        )
    return replace(
        base,
        noise_schedule=replace(schedule, zero_terminal_snr=True),
        scheduler_config={**base.scheduler_config, "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"},
    )
