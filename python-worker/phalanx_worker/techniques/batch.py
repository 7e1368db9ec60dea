"""What one forward pass is given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from phalanx_worker.model.conditioning import Conditioning
from phalanx_worker.streams import Streams


@dataclass(frozen=True)
class Batch:
    """Samples of one forward pass, with the draws that belong to them."""

    streams: Streams
    step: int
    """1-based optimizer step."""
    samples: tuple[int, ...]
    """Positions within the optimizer step, 0-based, across accumulated passes."""
    captions: tuple[str, ...]
    """After `Technique.caption` and caption dropout."""
    pixels: Tensor | None
    """[n, 3, height, width] in [-1, 1], for techniques that train on pixels."""
    latents: Tensor | None
    """[n, channels, height, width], sampled from the posterior and scaled, for techniques that denoise."""
    conditioning: Conditioning | None
    """Text embeddings, when the technique leaves the text encoder as it is."""
    weights: Tensor | None = None
    """[n] multiply the loss of each sample; None is 1 for all."""
    time_ids: Tensor | None = None
    """[n, 6] sizes and crops, for SDXL."""
    masks: Tensor | None = None
    """[n, 1, height, width] in [0, 1] at the size of the latents: what counts, for a masked loss."""
    controls: Tensor | None = None
    """[n, 3, height, width] in [0, 1]: pictures that control the images, for techniques that read them."""
    shown: Tensor | None = None
    """[n, 1 + channels, height, width]: mask and latents of the hidden images, for an inpainting UNet."""

    def __len__(self) -> int:
        return len(self.samples)

    def part(self, span: slice) -> Batch:
        """The samples of a span, as a batch of their own."""
        return Batch(
            streams=self.streams,
            step=self.step,
            samples=self.samples[span],
            captions=self.captions[span],
            pixels=None if self.pixels is None else self.pixels[span],
            latents=None if self.latents is None else self.latents[span],
            conditioning=None if self.conditioning is None else self.conditioning.rows(span),
            weights=None if self.weights is None else self.weights[span],
            time_ids=None if self.time_ids is None else self.time_ids[span],
            masks=None if self.masks is None else self.masks[span],
            controls=None if self.controls is None else self.controls[span],
            shown=None if self.shown is None else self.shown[span],
        )

    def beside(self, noisy: Tensor) -> Tensor:
        """Noisy latents with what the UNet is shown beside them."""
        return noisy if self.shown is None else torch.cat([noisy, self.shown], dim=1)

    def normal(self, purpose: str, shape: tuple[int, ...]) -> Tensor:
        """[n, *shape] standard normal numbers."""
        draws = [self.streams.normal(purpose, shape, self.step, sample) for sample in self.samples]
        return torch.from_numpy(np.stack(draws))

    def uniform(self, purpose: str) -> Tensor:
        """[n] numbers in [0, 1)."""
        return torch.tensor([self.streams.uniform(purpose, self.step, sample) for sample in self.samples])

    def integers(self, purpose: str, high: int) -> Tensor:
        """[n] integers in [0, high)."""
        return torch.tensor([self.streams.integer(purpose, high, self.step, sample) for sample in self.samples])
