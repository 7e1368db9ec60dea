"""The images of a training's subsets, made into what its steps are fed with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from phalanx_worker.model.base import Base
from phalanx_worker.protocol.messages import DatasetItem, DatasetReference, TrainingSettings, TrainingSubset
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.technique import Technique
from phalanx_worker.training.captions import PLAIN
from phalanx_worker.training.data import PixelStore, control_items, image_files, read_dataset
from phalanx_worker.training.feed import Feed
from phalanx_worker.training.images import CoverCrop
from phalanx_worker.training.latents import LatentKey, Posterior, latent_keys
from phalanx_worker.training.loss_masks import MaskStore
from phalanx_worker.training.sample_order import SampleOrder
from phalanx_worker.training.sizes import ImageSizes
from phalanx_worker.training.text import TextCache

LatentSource = Callable[[PixelStore, Sequence[LatentKey]], dict[str, Posterior]]
"""Gives the posteriors of all keys, by their texts."""


@dataclass(frozen=True)
class SubsetItems:
    """A subset and the images in its manifest."""

    subset: TrainingSubset
    items: tuple[DatasetItem, ...]


def read_subsets(subsets: Sequence[TrainingSubset]) -> tuple[SubsetItems, ...]:
    """Raises what `read_dataset` raises."""
    return tuple(SubsetItems(subset, read_dataset(subset.dataset)) for subset in subsets)


def plain_subset(dataset: DatasetReference) -> TrainingSubset:
    """Every image once, as it is."""
    return TrainingSubset(
        dataset=dataset,
        repeats=1,
        weight=1.0,
        regularisation=False,
        caption_dropout=0.0,
        captions=PLAIN,
        flip=False,
    )


@dataclass(frozen=True)
class FeedMaker:
    """What all feeds of a training have in common."""

    base: Base
    technique: Technique
    settings: TrainingSettings
    streams: Streams
    latents: LatentSource

    def make(self, subsets: Sequence[SubsetItems]) -> Feed:
        """Raises what `control_items` and `MaskStore` raise and what reading images raises."""
        size = self.base.image_size
        transform = CoverCrop(self.settings.width or size, self.settings.height or size)
        store = _store(subsets, transform)
        of_images = tuple(source.subset for source in subsets for _ in source.items)
        keys: dict[tuple[int, bool], LatentKey] = {}
        posteriors: dict[str, Posterior] = {}
        if self.technique.feed == "latents":
            keys = latent_keys(self.base, store, [subset.flip for subset in of_images])
            posteriors = self.latents(store, list(keys.values()))
        masks = None
        if self.settings.objective.mask is not None and self.technique.feed == "latents":
            masks = MaskStore(store.files, [not subset.regularisation for subset in of_images])
        return Feed(
            base=self.base,
            technique=self.technique,
            settings=self.settings,
            streams=self.streams,
            subsets=of_images,
            store=store,
            order=_order(self.streams, of_images),
            text=TextCache(self.base),
            sizes=ImageSizes(store.files),
            keys=keys,
            posteriors=posteriors,
            masks=masks,
            controls=_store(_controls(subsets), transform) if self.technique.reads_controls else None,
        )


def _store(subsets: Sequence[SubsetItems], transform: CoverCrop) -> PixelStore:
    files = [image_files(source.subset.dataset.root, source.items, transform) for source in subsets]
    return PixelStore([file for part in files for file in part])


def _controls(subsets: Sequence[SubsetItems]) -> list[SubsetItems]:
    return [SubsetItems(source.subset, control_items(source.items)) for source in subsets]


def _order(streams: Streams, subsets: Sequence[TrainingSubset]) -> SampleOrder:
    repeats = [0 if subset.regularisation else subset.repeats for subset in subsets]
    images = tuple(index for index, count in enumerate(repeats) for _ in range(count))
    class_images = tuple(index for index, subset in enumerate(subsets) if subset.regularisation)
    return SampleOrder(streams, images, class_images)
