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
    zero_terminal_snr: bool
    """Whether the last timestep is nothing but noise (Lin et al., 2024, algorithm 1)."""

    @cached_property
    def betas(self) -> Tensor:
        """[steps] variances of the single steps."""
        if self.beta_schedule == "linear":
            betas = torch.linspace(self.beta_start, self.beta_end, self.steps)
        else:
            betas = torch.linspace(self.beta_start**0.5, self.beta_end**0.5, self.steps) ** 2
        return _rescaled(betas) if self.zero_terminal_snr else betas

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
    """The schedule a `scheduler_config.json` describes, `rescale_betas_zero_snr` included.

    Raises ArtefactError (`unknown-scheduler`) for what no base here is trained with, a terminal SNR of 0 with epsilon
    prediction among it.
    """
    prediction = config.get("prediction_type", "epsilon")
    beta_schedule = config.get("beta_schedule", "linear")
    if prediction not in ("epsilon", "v_prediction") or beta_schedule not in ("linear", "scaled_linear"):
        raise ArtefactError(
            f"The base's scheduler predicts {prediction!r} with {beta_schedule!r} noise. "
            "Known are epsilon and v_prediction with linear and scaled_linear.",
            code="unknown-scheduler",
            facts={"prediction_type": str(prediction), "beta_schedule": str(beta_schedule)},
        )
    zero_terminal_snr = bool(config.get("rescale_betas_zero_snr", False))
    if config.get("trained_betas") is not None or (zero_terminal_snr and prediction == "epsilon"):
        raise ArtefactError(
            "The base's scheduler has betas of its own (trained_betas), or a terminal SNR of 0 "
            "(rescale_betas_zero_snr) with epsilon prediction, which cannot be right together. "
            "Mend its scheduler_config.json.",
            code="unknown-scheduler",
            facts={"prediction_type": str(prediction), "rescale_betas_zero_snr": zero_terminal_snr},
        )
    return NoiseSchedule(
        steps=int(config.get("num_train_timesteps", 1000)),
        beta_start=float(config.get("beta_start", 0.0001)),
        beta_end=float(config.get("beta_end", 0.02)),
        beta_schedule=cast(BetaSchedule, beta_schedule),
        prediction=cast(Prediction, prediction),
        zero_terminal_snr=zero_terminal_snr,
    )


def _rescaled(betas: Tensor) -> Tensor:
    """Shifts the signal's scale so that it ends at 0 and stretches it so that it begins where it did."""
    signal = torch.cumprod(1.0 - betas, dim=0).sqrt()
    first, last = signal[0].clone(), signal[-1].clone()
    shares = ((signal - last) * (first / (first - last))).square()
    return 1.0 - torch.cat([shares[:1], shares[1:] / shares[:-1]])
