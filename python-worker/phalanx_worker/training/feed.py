"""Batches for a technique: which samples, with which captions, pixels or latents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from phalanx_worker.model.base import Base
from phalanx_worker.protocol.messages import TrainingSettings, TrainingSubset
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.technique import Technique
from phalanx_worker.training.batch_plan import BatchPlan
from phalanx_worker.training.captions import worded
from phalanx_worker.training.data import PixelStore
from phalanx_worker.training.latents import ENCODE_BATCH, LatentKey, Posterior, encode, to_tensor, to_unit_tensor
from phalanx_worker.training.loss_masks import MaskStore
from phalanx_worker.training.masks import at_latents, hidden, random_mask
from phalanx_worker.training.sizes import time_ids
from phalanx_worker.training.text import TextCache

WHOLE_PASS_BATCH = 32


@dataclass(frozen=True)
class Feed:
    """Everything batches are made from. Each draw depends on seed, step and sample alone."""

    base: Base
    technique: Technique
    settings: TrainingSettings
    streams: Streams
    subsets: tuple[TrainingSubset, ...]
    """Of each image of `store`."""
    store: PixelStore
    plan: BatchPlan
    text: TextCache
    keys: dict[tuple[int, bool], LatentKey]
    posteriors: dict[str, Posterior]
    """By text of the key; empty for techniques that train on pixels."""
    masks: MaskStore | None = None
    """For a masked loss."""
    controls: PixelStore | None = None
    """Pictures that control the images, in the order of `store`, for techniques that read them."""

    def batches(self, step: int) -> Iterator[Batch]:
        """The forward passes of the 1-based optimizer step."""
        for number, images in self._passes(step):
            first = number * self.settings.batch_size
            yield self._batch(step, range(first, first + len(images)), images)

    def samples(self, step: int) -> int:
        """How many samples the step has in all its passes."""
        return sum(len(images) for _, images in self._passes(step))

    def whole(self) -> Iterator[Batch]:
        """Every item once, always with the same draws: those of a step 0, which no training takes."""
        for items in self.plan.groups(WHOLE_PASS_BATCH):
            yield self._batch(0, items, items)

    def images(self) -> Iterator[Tensor]:
        """All images once, unmirrored, in batches [n, 3, height, width] of one size each."""
        for indices in self.plan.groups(WHOLE_PASS_BATCH):
            yield to_tensor([self.store.pixels(index) for index in indices]).to(self.base.device)

    def _passes(self, step: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        accumulation = self.settings.accumulation
        for number in range(accumulation):
            yield number, self.plan.batch((step - 1) * accumulation + number)

    def _batch(self, step: int, samples: Sequence[int], items: Sequence[int]) -> Batch:
        flips = [self._flipped(item, step, sample) for item, sample in zip(items, samples, strict=True)]
        captions = tuple(self._caption(item, step, sample) for item, sample in zip(items, samples, strict=True))
        on_pixels = self.technique.feed == "pixels"
        latents = None if on_pixels else self._latents(items, flips, step, samples)
        return Batch(
            streams=self.streams,
            step=step,
            samples=tuple(samples),
            captions=captions,
            weights=torch.tensor([self.subsets[item].weight for item in items]),
            pixels=self._pixels(items, flips) if on_pixels else None,
            latents=latents,
            conditioning=None if on_pixels or self.technique.trains_text_encoder else self.text.embeddings(captions),
            time_ids=self._time_ids(items, flips),
            masks=self._masks(latents, items, flips),
            controls=None if self.controls is None else self._controls(self.controls, items, flips),
            shown=None if on_pixels or not self.base.inpainting else self._shown(items, flips, step, samples),
        )

    def _time_ids(self, items: Sequence[int], flips: Sequence[bool]) -> Tensor | None:
        if self.base.family != "sdxl" or self.technique.feed == "pixels":
            return None
        return time_ids([self.store.files[item] for item in items], flips).to(self.base.device)

    def _masks(self, latents: Tensor | None, items: Sequence[int], flips: Sequence[bool]) -> Tensor | None:
        if self.masks is None or latents is None:
            return None
        return self.masks.masks(items, flips, latents.shape[-2:]).to(self.base.device)

    def _controls(self, store: PixelStore, items: Sequence[int], flips: Sequence[bool]) -> Tensor:
        pictures = [store.pixels(item, flipped) for item, flipped in zip(items, flips, strict=True)]
        return to_unit_tensor(pictures).to(self.base.device)

    def _flipped(self, item: int, step: int, sample: int) -> bool:
        return self.subsets[item].flip and self.streams.uniform("flip", step, sample) < 0.5

    def _caption(self, item: int, step: int, sample: int) -> str:
        subset = self.subsets[item]
        if self.streams.uniform("caption-dropout", step, sample) < subset.caption_dropout:
            return ""
        caption = worded(self.store.files[item].item.caption, subset.captions, self.streams, step, sample)
        return self.technique.caption(caption, self.streams, step, sample)

    def _pixels(self, items: Sequence[int], flips: Sequence[bool]) -> Tensor:
        images = [self.store.pixels(item, flipped) for item, flipped in zip(items, flips, strict=True)]
        return to_tensor(images).to(self.base.device)

    def _shown(self, items: Sequence[int], flips: Sequence[bool], step: int, samples: Sequence[int]) -> Tensor:
        masks, images = [], []
        for item, flipped, sample in zip(items, flips, samples, strict=True):
            pixels = self.store.pixels(item, flipped)
            # What is smaller than two latents may fall between them.
            masks.append(random_mask(self.streams, step, sample, pixels.shape[:2], 2 * self.base.reduction))
            images.append(hidden(pixels, masks[-1]))
        spans = [slice(first, first + ENCODE_BATCH) for first in range(0, len(images), ENCODE_BATCH)]
        posteriors = [posterior for span in spans for posterior in encode(self.base, images[span])]
        rows = []
        for posterior, sample in zip(posteriors, samples, strict=True):
            noise = self.streams.normal("hidden-posterior", tuple(posterior.mean.shape), step, sample)
            rows.append(posterior.sample(torch.from_numpy(noise)))
        latents = torch.stack(rows).mul(float(self.base.autoencoder.config.scaling_factor))
        return torch.cat([at_latents(masks, (latents.shape[2], latents.shape[3])), latents], dim=1).to(self.base.device)

    def _latents(self, items: Sequence[int], flips: Sequence[bool], step: int, samples: Sequence[int]) -> Tensor:
        latents = []
        for item, flipped, sample in zip(items, flips, samples, strict=True):
            posterior = self.posteriors[self.keys[item, flipped].text]
            noise = self.streams.normal("posterior", tuple(posterior.mean.shape), step, sample)
            latents.append(posterior.sample(torch.from_numpy(noise)))
        return torch.stack(latents).mul(float(self.base.autoencoder.config.scaling_factor)).to(self.base.device)
