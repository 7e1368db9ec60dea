"""The denoising loss that LoRA, textual inversion and full training share."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

import torch.nn.functional as functional
from torch import Tensor

from phalanx_worker.model.text import embed_texts
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.technique import Feed, Technique


class DenoisingTechnique(Technique, ABC):
    """Minimises the mean squared error of the UNet's prediction at uniformly drawn timesteps (Ho et al., 2020)."""

    feed: ClassVar[Feed] = "latents"

    def loss(self, batch: Batch) -> Tensor:
        """Mean over samples and elements; the target follows the base's prediction type."""
        if batch.latents is None:
            raise ValueError("a denoising technique is fed latents")
        base = self.base
        schedule = base.noise_schedule
        noise = batch.normal("noise", tuple(batch.latents.shape[1:])).to(base.device)
        timesteps = batch.integers("timestep", schedule.steps).to(base.device)
        noisy = schedule.add_noise(batch.latents, noise, timesteps)
        prediction = base.unet(noisy, timesteps, self._conditioning(batch)).sample
        return functional.mse_loss(prediction.float(), schedule.target(batch.latents, noise, timesteps))

    def _conditioning(self, batch: Batch) -> Tensor:
        if batch.conditioning is not None:
            return batch.conditioning
        unique = list(dict.fromkeys(batch.captions))
        return embed_texts(self.base, unique)[[unique.index(caption) for caption in batch.captions]]
