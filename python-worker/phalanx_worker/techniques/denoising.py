"""The denoising loss that LoRA, textual inversion and full training share."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from phalanx_worker.model.conditioning import Conditioning, predict
from phalanx_worker.model.text import embed_texts
from phalanx_worker.protocol.messages import Objective
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.objective import denoising_loss, draw_noise
from phalanx_worker.techniques.technique import Feed, Technique


class DenoisingTechnique(Technique, ABC):
    """Minimises the error of the UNet's prediction at uniformly drawn timesteps (Ho et al., 2020)."""

    feed: ClassVar[Feed] = "latents"

    def __init__(self, objective: Objective) -> None:
        self._objective = objective

    def loss(self, batch: Batch) -> Tensor:
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
        return denoising_loss(self._objective, prediction.float(), target, timesteps, schedule, weights)

    def _prediction(self, batch: Batch, noisy: Tensor, timesteps: Tensor) -> Tensor:
        """What is compared with the target, [n, channels, height, width]."""
        return predict(self.base, noisy, timesteps, self._conditioning(batch), batch.time_ids)

    def _conditioning(self, batch: Batch) -> Conditioning:
        if batch.conditioning is not None:
            return batch.conditioning
        unique = unique_texts(batch.captions)
        return embed_texts(self.base, unique).rows([unique.index(caption) for caption in batch.captions])


def unique_texts(captions: Sequence[str]) -> list[str]:
    """The texts that are encoded for a batch, in their order."""
    return list(dict.fromkeys(captions))
