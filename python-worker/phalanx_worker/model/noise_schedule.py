"""How noise is added in training, and what the network is asked to predict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, cast

import torch
from torch import Tensor

from phalanx_worker.errors import ArtefactError

Prediction = Literal["epsilon", "v_prediction"]
BetaSchedule = Literal["linear", "scaled_linear"]


@dataclass(frozen=True)
class NoiseSchedule:
    """The forward process of DDPM (Ho et al., 2020), with the fields of a diffusers scheduler config."""

    steps: int
    beta_start: float
    beta_end: float
    beta_schedule: BetaSchedule
    prediction: Prediction
    """`epsilon`: the noise; `v_prediction`: velocity (Salimans and Ho, 2022)."""

    @cached_property
    def betas(self) -> Tensor:
        """[steps] variances of the single steps."""
        if self.beta_schedule == "linear":
            return torch.linspace(self.beta_start, self.beta_end, self.steps)
        return torch.linspace(self.beta_start**0.5, self.beta_end**0.5, self.steps) ** 2

    @cached_property
    def alphas_cumprod(self) -> Tensor:
        """[steps] share of the signal's variance that is left at each timestep."""
        return torch.cumprod(1.0 - self.betas, dim=0)

    def add_noise(self, sample: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """`sample` at `timesteps` [n]; both tensors [n, ...]."""
        signal, sigma = self._scales(timesteps, sample)
        return signal * sample + sigma * noise

    def target(self, sample: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """What the network should return for `add_noise(sample, noise, timesteps)`."""
        if self.prediction == "epsilon":
            return noise
        signal, sigma = self._scales(timesteps, sample)
        return signal * noise - sigma * sample

    def _scales(self, timesteps: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        shares = self.alphas_cumprod.to(like.device)[timesteps].to(like.dtype).view(-1, *[1] * (like.ndim - 1))
        return shares.sqrt(), (1.0 - shares).sqrt()


def noise_schedule_from_config(config: Mapping[str, Any]) -> NoiseSchedule:
    """The schedule a `scheduler_config.json` describes; raises ArtefactError (`unknown-scheduler`)."""
    prediction = config.get("prediction_type", "epsilon")
    beta_schedule = config.get("beta_schedule", "linear")
    if prediction not in ("epsilon", "v_prediction") or beta_schedule not in ("linear", "scaled_linear"):
        raise ArtefactError(
            f"The base's scheduler predicts {prediction!r} with {beta_schedule!r} noise. "
            "Known are epsilon and v_prediction with linear and scaled_linear.",
            code="unknown-scheduler",
            facts={"prediction_type": str(prediction), "beta_schedule": str(beta_schedule)},
        )
    return NoiseSchedule(
        steps=int(config.get("num_train_timesteps", 1000)),
        beta_start=float(config.get("beta_start", 0.0001)),
        beta_end=float(config.get("beta_end", 0.02)),
        beta_schedule=cast(BetaSchedule, beta_schedule),
        prediction=cast(Prediction, prediction),
    )
