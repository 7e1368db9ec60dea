"""The denoising loss that LoRA, textual inversion and full training share."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.conditioning import Conditioning, predict
from phalanx_worker.model.text import embed_texts
from phalanx_worker.protocol.messages import BaseOutside, Objective
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.losses import Losses
from phalanx_worker.techniques.masked_loss import MaskedPrediction, masked_losses
from phalanx_worker.techniques.objective import denoising_loss, draw_noise
from phalanx_worker.techniques.technique import Feed, Technique


class DenoisingTechnique(Technique, ABC):
    """Minimises the error of the UNet's prediction at uniformly drawn timesteps (Ho et al., 2020)."""

    feed: ClassVar[Feed] = "latents"

    def __init__(self, objective: Objective) -> None:
        """Raises ConfigError: `prior-without-base` when the objective needs the base's answer and it is not known."""
        if wants_base(objective) and type(self)._base_prediction is DenoisingTechnique._base_prediction:
            raise ConfigError(
                "The prior `base` off the mask needs the base's own prediction, which this technique does not keep. "
                "Train a LoRA, LoHa or LoKr, or choose another `objective.mask.outside`.",
                code="prior-without-base",
            )
        self._objective = objective

    def loss(self, batch: Batch) -> Tensor:
        return self.losses(batch).total

    def losses(self, batch: Batch) -> Losses:
        """As the objective says; the target follows the base's prediction type."""
        if batch.latents is None:
            raise ValueError("a denoising technique is fed latents")
        base = self.base
        schedule = base.noise_schedule
        noise = draw_noise(self._objective, batch, tuple(batch.latents.shape[1:]))
        predicted, added = noise.predicted.to(base.device), noise.added.to(base.device)
        timesteps = batch.integers("timestep", schedule.steps).to(base.device)
        noisy = schedule.add_noise(batch.latents, added, timesteps)
        prediction = self._prediction(batch, noisy, timesteps)
        target = schedule.target(batch.latents, predicted, timesteps)
        weights = None if batch.weights is None else batch.weights.to(base.device)
        if batch.masks is None:
            return Losses(denoising_loss(self._objective, prediction.float(), target, timesteps, schedule, weights))
        own = self._base_prediction(batch, noisy, timesteps).float() if wants_base(self._objective) else None
        found = MaskedPrediction(prediction.float(), target, timesteps, batch.masks.to(base.device), own)
        return masked_losses(self._objective, found, schedule, weights)

    def _base_prediction(self, batch: Batch, noisy: Tensor, timesteps: Tensor) -> Tensor:
        """What the base answers without what is trained, for techniques that know it."""
        raise NotImplementedError

    def _prediction(self, batch: Batch, noisy: Tensor, timesteps: Tensor) -> Tensor:
        """What is compared with the target, [n, channels, height, width]."""
        return predict(self.base, batch.beside(noisy), timesteps, self._conditioning(batch), batch.time_ids)

    def _conditioning(self, batch: Batch) -> Conditioning:
        if batch.conditioning is not None:
            return batch.conditioning
        unique = unique_texts(batch.captions)
        return embed_texts(self.base, unique).rows([unique.index(caption) for caption in batch.captions])


def wants_base(objective: Objective) -> bool:
    """Whether the base's own prediction is part of what is minimised."""
    return objective.mask is not None and isinstance(objective.mask.outside, BaseOutside)


def unique_texts(captions: Sequence[str]) -> list[str]:
    """The texts that are encoded for a batch, in their order."""
    return list(dict.fromkeys(captions))
