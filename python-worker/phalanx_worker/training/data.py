"""The dataset of a training: its items, its pixels, its order."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from phalanx_worker.errors import DatasetError
from phalanx_worker.protocol.messages import DatasetItem, DatasetReference
from phalanx_worker.streams import Streams
from phalanx_worker.training.images import CoverCrop, Pixels, alpha_channel, cover, decode_image
from phalanx_worker.training.view import PLAIN, View

PIXEL_MEMORY = 1 << 30
"""Bytes of decoded images that are kept."""


def read_dataset(reference: DatasetReference) -> tuple[DatasetItem, ...]:
    """The items of a manifest.

    Raises DatasetError: `missing-manifest`, `changed-manifest`, `broken-manifest` (names the line), `empty-dataset`,
    `path-outside` (a file that lies outside the dataset's root).
    """
    manifest = Path(reference.manifest)
    facts = {"manifest": reference.manifest}
    try:
        data = manifest.read_bytes()
    except OSError as error:
        raise DatasetError(
            f"{manifest} cannot be read: {error.strerror}. Freeze the dataset again.",
            code="missing-manifest",
            facts=facts,
        ) from error
    if hashlib.sha256(data).hexdigest() != reference.sha256:
        raise DatasetError(
            f"{manifest} has changed since the dataset was frozen. Freeze the dataset again.",
            code="changed-manifest",
            facts=facts,
        )
    decoder = msgspec.json.Decoder(DatasetItem)
    items: list[DatasetItem] = []
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            item = decoder.decode(line)
        except msgspec.DecodeError as error:
            raise DatasetError(
                f"Line {number} of {manifest} is not an item: {error}. Freeze the dataset again.",
                code="broken-manifest",
                facts={**facts, "line": number},
            ) from error
        if not (Path(reference.root) / item.file).resolve().is_relative_to(Path(reference.root).resolve()):
            raise DatasetError(
                f"Line {number} of {manifest} names {item.file}, outside {reference.root}. Freeze the dataset again.",
                code="path-outside",
                facts={**facts, "line": number},
            )
        items.append(item)
    if not items:
        raise DatasetError(f"{manifest} names no image. Add images.", code="empty-dataset", facts=facts)
    return tuple(items)


def control_items(items: tuple[DatasetItem, ...]) -> tuple[DatasetItem, ...]:
    """The pictures that control the images of a dataset, as items of their own.

    Raises DatasetError (`missing-control`) when one has none.
    """
    lacking = [item.file for item in items if item.control is None]
    if lacking:
        raise DatasetError(
            f"{len(lacking)} of {len(items)} images have no picture that controls them, such as {lacking[0]}. "
            "Put palm.control.png beside palm.jpg, or name it as `control` in metadata.jsonl.",
            code="missing-control",
            facts={"file": lacking[0], "lacking": len(lacking)},
        )
    return tuple(
        msgspec.structs.replace(item, file=item.control.file, sha256=item.control.sha256)
        for item in items
        if item.control is not None
    )


@dataclass(frozen=True)
class ImageFile:
    """An image of a dataset, and what is done with its pixels."""

    root: Path
    item: DatasetItem
    transform: CoverCrop
    alpha: bool = False
    """Whether its alpha channel is meant."""

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.root / self.item.file

    @property
    def scaled(self) -> tuple[int, int]:
        """Width and height after scaling, before it is cropped."""
        return self.transform.scaled(self.item.width, self.item.height)

    def decode(self) -> Pixels:
        """[height, width, 3] of all of the scaled image; raises as `decode_image`."""

        def transform(image: Image.Image) -> Pixels:
            # The size comes from the image that is trained on, so that its pictures fit it to the pixel.
            return cover(alpha_channel(image) if self.alpha else image, self.scaled)

        return decode_image(self.path, self.item.sha256, transform)


def image_files(root: str, items: Iterable[DatasetItem], transform: CoverCrop) -> tuple[ImageFile, ...]:
    """All images of one dataset, brought to one size."""
    return tuple(ImageFile(Path(root), item, transform) for item in items)


class PixelStore:
    """Decoded images, scaled, the latest of them kept in memory."""

    def __init__(self, files: Sequence[ImageFile]) -> None:
        self.files = tuple(files)
        self._kept: OrderedDict[int, Pixels] = OrderedDict()
        self._bytes = 0

    def pixels(self, index: int, view: View = PLAIN) -> Pixels:
        """[height, width, 3] RGB of what a sample sees; raises as `decode_image`."""
        return view.of(self.scaled(index), self.files[index].transform)

    def scaled(self, index: int) -> Pixels:
        """[height, width, 3] RGB of all of the scaled image; raises as `decode_image`."""
        image = self._kept.pop(index, None)
        if image is None:
            image = self.files[index].decode()
            self._bytes += image.nbytes
        self._kept[index] = image
        while self._bytes > PIXEL_MEMORY and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return image


@dataclass
class EpochOrder:
    """Which item comes when: every epoch is a permutation of all items, drawn from the stream."""

    streams: Streams
    length: int
    purpose: str = "order"
    _epoch: int = -1
    _order: npt.NDArray[np.int64] | None = None

    def item(self, position: int) -> int:
        """The item at `position`, counted from the start of the training over all epochs."""
        epoch, place = divmod(position, self.length)
        if self._order is None or epoch != self._epoch:
            self._order = self.streams.permutation(self.purpose, self.length, epoch)
            self._epoch = epoch
        return int(self._order[place])
