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
from phalanx_worker.training.latents import LatentKey, Posterior, encode, to_tensor, to_unit_tensor
from phalanx_worker.training.mask_store import MaskStore
from phalanx_worker.training.masks import at_latents, hidden, random_mask
from phalanx_worker.training.sizes import time_ids
from phalanx_worker.training.text import TextCache
from phalanx_worker.training.view import Corners, View, all_corners

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
    """By image and whether it is mirrored, of images that are cropped at the centre."""
    posteriors: dict[str, Posterior]
    """By text of the key; empty for techniques that train on pixels. What is cropped at random is encoded anew."""
    masks: MaskStore | None = None
    """For a masked loss, and for what is filled in."""
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
        views = [self._view(item, step, sample) for item, sample in zip(items, samples, strict=True)]
        captions = tuple(self._caption(item, step, sample) for item, sample in zip(items, samples, strict=True))
        on_pixels = self.technique.feed == "pixels"
        latents = None if on_pixels else self._latents(items, views, step, samples)
        return Batch(
            streams=self.streams,
            step=step,
            samples=tuple(samples),
            captions=captions,
            weights=torch.tensor([self.subsets[item].weight for item in items]),
            pixels=self._pixels(items, views) if on_pixels else None,
            latents=latents,
            conditioning=None if on_pixels or self.technique.trains_text_encoder else self.text.embeddings(captions),
            time_ids=self._time_ids(items, views),
            masks=self._masks(latents, items, views),
            controls=None if self.controls is None else self._controls(self.controls, items, views),
            shown=None if on_pixels or not self.base.inpainting else self._shown(items, views, step, samples),
        )

    def _time_ids(self, items: Sequence[int], views: Sequence[View]) -> Tensor | None:
        if self.base.family != "sdxl" or self.technique.feed == "pixels":
            return None
        return time_ids([self.store.files[item] for item in items], views).to(self.base.device)

    def _masks(self, latents: Tensor | None, items: Sequence[int], views: Sequence[View]) -> Tensor | None:
        if self.masks is None or latents is None or self.settings.objective.mask is None:
            return None
        return self.masks.masks(items, views, latents.shape[-2:]).to(self.base.device)

    def _controls(self, store: PixelStore, items: Sequence[int], views: Sequence[View]) -> Tensor:
        pictures = [store.pixels(item, view) for item, view in zip(items, views, strict=True)]
        return to_unit_tensor(pictures).to(self.base.device)

    def _view(self, item: int, step: int, sample: int) -> View:
        subset = self.subsets[item]
        flipped = subset.flip and self.streams.uniform("flip", step, sample) < 0.5
        if subset.crop == "centre":
            return View(flipped)
        corners = self._corners(item)
        left, top = corners[self.streams.integer("crop", len(corners), step, sample)]
        return View(flipped, (int(left), int(top)))

    def _corners(self, item: int) -> Corners:
        used = self.settings.objective.mask is not None or self._is_masked(item)
        showing = self.masks.corners(item) if self.masks is not None and used else None
        file = self.store.files[item]
        return all_corners(file.scaled, file.transform) if showing is None else showing

    def _caption(self, item: int, step: int, sample: int) -> str:
        subset = self.subsets[item]
        if self.streams.uniform("caption-dropout", step, sample) < subset.caption_dropout:
            return ""
        caption = worded(self.store.files[item].item.caption, subset.captions, self.streams, step, sample)
        return self.technique.caption(caption, self.streams, step, sample)

    def _pixels(self, items: Sequence[int], views: Sequence[View]) -> Tensor:
        images = [self.store.pixels(item, view) for item, view in zip(items, views, strict=True)]
        return to_tensor(images).to(self.base.device)

    def _shown(self, items: Sequence[int], views: Sequence[View], step: int, samples: Sequence[int]) -> Tensor:
        masks, images = [], []
        for item, view, sample in zip(items, views, samples, strict=True):
            pixels = self.store.pixels(item, view)
            given = self.masks.filled_in(item, view) if self.masks is not None and self._is_masked(item) else None
            # What is smaller than two latents may fall between them.
            smallest = 2 * self.base.reduction
            drawn = random_mask(self.streams, step, sample, pixels.shape[:2], smallest) if given is None else given
            masks.append(drawn)
            images.append(hidden(pixels, masks[-1]))
        latents = self._sampled(encode(self.base, images), "hidden-posterior", step, samples)
        return torch.cat([at_latents(masks, (latents.shape[2], latents.shape[3])), latents], dim=1).to(self.base.device)

    def _is_masked(self, item: int) -> bool:
        """Whether what its mask shows is filled in."""
        return self.base.inpainting and self.subsets[item].inpainting_masks == "dataset"

    def _latents(self, items: Sequence[int], views: Sequence[View], step: int, samples: Sequence[int]) -> Tensor:
        seen = list(zip(items, views, strict=True))
        anew = iter(
            encode(self.base, [self.store.pixels(item, view) for item, view in seen if view.corner is not None])
        )
        posteriors = [
            self.posteriors[self.keys[item, view.flipped].text] if view.corner is None else next(anew)
            for item, view in seen
        ]
        return self._sampled(posteriors, "posterior", step, samples).to(self.base.device)

    def _sampled(self, posteriors: Sequence[Posterior], purpose: str, step: int, samples: Sequence[int]) -> Tensor:
        """[n, channels, height, width] scaled latents, drawn from a stream of their own."""
        latents = []
        for posterior, sample in zip(posteriors, samples, strict=True):
            noise = self.streams.normal(purpose, tuple(posterior.mean.shape), step, sample)
            latents.append(posterior.sample(torch.from_numpy(noise)))
        return torch.stack(latents).mul(float(self.base.autoencoder.config.scaling_factor))
