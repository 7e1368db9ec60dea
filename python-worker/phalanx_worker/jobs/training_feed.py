"""The images of a training's subsets, made into what its steps are fed with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.base import Base
from phalanx_worker.protocol.messages import BucketPlan, DatasetItem, DatasetReference, TrainingSettings, TrainingSubset
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.technique import Technique
from phalanx_worker.training.batch_plan import BatchPlan
from phalanx_worker.training.captions import PLAIN
from phalanx_worker.training.data import ImageFile, PixelStore, control_items, read_dataset
from phalanx_worker.training.feed import Feed
from phalanx_worker.training.images import CoverCrop
from phalanx_worker.training.latents import LatentKey, Posterior, latent_keys
from phalanx_worker.training.mask_store import MaskStore
from phalanx_worker.training.sample_order import SampleOrder
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


def read_held_out(dataset: DatasetReference, trained: Sequence[TrainingSubset]) -> SubsetItems:
    """Every image once, as it is; filled in where it is when trained on.

    Raises what `read_dataset` raises.
    """
    masked = any(subset.inpainting_masks == "dataset" for subset in trained)
    subset = TrainingSubset(
        dataset=dataset,
        repeats=1,
        weight=1.0,
        regularisation=False,
        caption_dropout=0.0,
        captions=PLAIN,
        flip=False,
        crop="centre",
        inpainting_masks="dataset" if masked else "random",
    )
    return SubsetItems(subset, tuple(msgspec.structs.replace(item, repeats=1) for item in read_dataset(dataset)))


@dataclass(frozen=True)
class FeedMaker:
    """What all feeds of a training have in common."""

    base: Base
    technique: Technique
    settings: TrainingSettings
    streams: Streams
    buckets: BucketPlan | None
    latents: LatentSource

    def make(self, subsets: Sequence[SubsetItems], first: int = 0) -> Feed:
        """`first`: where the plan of buckets has the first of the subsets.

        Raises ConfigError (`bucket-mismatch`) when the plan is that of other images, and what `control_items`,
        `MaskStore` and reading images raise.
        """
        items = [(source, item) for source in subsets for item in source.items]
        places = self._places(subsets, first)
        store = PixelStore(
            [
                ImageFile(Path(source.subset.dataset.root), item, self._sizes()[place])
                for (source, item), place in zip(items, places, strict=True)
            ]
        )
        of_images = tuple(source.subset for source, _ in items)
        keys: dict[tuple[int, bool], LatentKey] = {}
        posteriors: dict[str, Posterior] = {}
        if self.technique.feed == "latents":
            keys = latent_keys(self.base, store, of_images)
            posteriors = self.latents(store, list(keys.values())) if keys else {}
        masks = self._masks(store, of_images)
        return Feed(
            base=self.base,
            technique=self.technique,
            settings=self.settings,
            streams=self.streams,
            subsets=of_images,
            store=store,
            plan=BatchPlan(self.streams, _order(self.streams, items), places, self.settings.batch_size),
            text=TextCache(self.base),
            keys=keys,
            posteriors=posteriors,
            masks=masks,
            controls=_controls(subsets, store) if self.technique.reads_controls else None,
        )

    def _masks(self, store: PixelStore, subsets: Sequence[TrainingSubset]) -> MaskStore | None:
        of_loss = self.settings.objective.mask is not None
        filled_in = [
            index
            for index, subset in enumerate(subsets)
            if self.base.inpainting and subset.inpainting_masks == "dataset"
        ]
        if self.technique.feed != "latents" or not (of_loss or filled_in):
            return None
        masks = MaskStore(store.files, subsets, of_loss)
        centred = [index for index in filled_in if subsets[index].crop == "centre"]
        masks.check_filled_in(centred, self.base.reduction)
        return masks

    def _sizes(self) -> list[CoverCrop]:
        if self.buckets is not None:
            return [CoverCrop(size.width, size.height) for size in self.buckets.sizes]
        size = self.base.image_size
        return [CoverCrop(self.settings.width or size, self.settings.height or size)]

    def _places(self, subsets: Sequence[SubsetItems], first: int) -> list[int]:
        counts = [len(source.items) for source in subsets]
        if self.buckets is None:
            return [0] * sum(counts)
        parts = self.buckets.places[first : first + len(subsets)]
        places = [place for part in parts for place in part]
        if [len(part) for part in parts] != counts or max(places) >= len(self.buckets.sizes):
            raise ConfigError(
                f"The plan of buckets is for {[len(part) for part in parts]} images, and the subsets have {counts}. "
                "Plan the training again.",
                code="bucket-mismatch",
                facts={"planned": sum(map(len, parts)), "images": sum(counts)},
            )
        return places


def _controls(subsets: Sequence[SubsetItems], store: PixelStore) -> PixelStore:
    pictures = [item for source in subsets for item in control_items(source.items)]
    pairs = zip(store.files, pictures, strict=True)
    return PixelStore([ImageFile(file.root, picture, file.transform) for file, picture in pairs])


def _order(streams: Streams, items: Sequence[tuple[SubsetItems, DatasetItem]]) -> SampleOrder:
    subsets = [source.subset for source, _ in items]
    repeats = [0 if source.subset.regularisation else source.subset.repeats * item.repeats for source, item in items]
    images = tuple(index for index, count in enumerate(repeats) for _ in range(count))
    class_images = tuple(index for index, subset in enumerate(subsets) if subset.regularisation)
    return SampleOrder(streams, images, class_images)
