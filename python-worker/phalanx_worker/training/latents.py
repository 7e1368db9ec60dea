"""Latents of images, computed once per content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from phalanx_worker.artefacts.tensors import read_metadata, read_tensors, write_tensors
from phalanx_worker.errors import ArtefactError
from phalanx_worker.model.base import Base, autoencoder_sha256
from phalanx_worker.protocol.messages import TrainingSubset
from phalanx_worker.training.data import PixelStore
from phalanx_worker.training.view import View

ENCODE_BATCH = 8
SHARD_LENGTH = 512
LATENT_MEMORY = 2 << 30
"""Bytes of posteriors that stay in memory from job to job; a job keeps all of its own."""


@dataclass(frozen=True)
class Posterior:
    """What the autoencoder says of one image, unscaled, each [channels, height, width] float32."""

    mean: Tensor
    deviation: Tensor

    @property
    def bytes(self) -> int:
        """Memory it takes."""
        return self.mean.nbytes + self.deviation.nbytes

    def sample(self, noise: Tensor) -> Tensor:
        """A latent, given standard normal numbers."""
        return self.mean + self.deviation * noise


@dataclass(frozen=True)
class LatentKey:
    """One image as one autoencoder sees it."""

    index: int
    flipped: bool
    text: str
    """Over image bytes, transform, mirroring, autoencoder and precision."""


def latent_keys(base: Base, store: PixelStore, subsets: Sequence[TrainingSubset]) -> dict[tuple[int, bool], LatentKey]:
    """Keys of all images of `store` that are cropped at the centre, of their mirrored versions too where needed.

    `subsets` are those of the images.
    """
    encoder = autoencoder_sha256(base)
    keys: dict[tuple[int, bool], LatentKey] = {}
    for index, (file, subset) in enumerate(zip(store.files, subsets, strict=True)):
        if subset.crop == "random":
            continue
        for flipped in (False, True) if subset.flip else (False,):
            facts = (file.item.sha256, file.transform.key, f"flip-{flipped}", encoder, "float32")
            text = hashlib.sha256("\0".join(facts).encode()).hexdigest()
            keys[index, flipped] = LatentKey(index, flipped, text)
    return keys


class LatentCache:
    """Posteriors by content key, in memory and as shards in a folder."""

    def __init__(self, folder: Path, memory: dict[str, Posterior]) -> None:
        self._folder = folder
        self._memory = memory

    def fill(
        self,
        base: Base,
        store: PixelStore,
        keys: Sequence[LatentKey],
        on_progress: Callable[[int, int], None],
        on_warning: Callable[[str], None],
    ) -> dict[str, Posterior]:
        """The posteriors of all `keys`, computing those that are in neither place."""
        wanted = {key.text for key in keys}
        for text, posterior in self._read_shards(wanted - self._memory.keys(), on_warning):
            self._memory[text] = posterior
        missing = list({key.text: key for key in keys if key.text not in self._memory}.values())
        done = len(wanted) - len(missing)
        on_progress(done, len(wanted))
        for shard in _shards(missing, store):
            for first in range(0, len(shard), ENCODE_BATCH):
                part = shard[first : first + ENCODE_BATCH]
                images = [store.pixels(key.index, View(key.flipped)) for key in part]
                for key, posterior in zip(part, encode(base, images), strict=True):
                    self._memory[key.text] = posterior
                done += len(part)
                on_progress(done, len(wanted))
            self._write_shard([key.text for key in shard])
        found = {text: self._memory[text] for text in wanted}
        self._evict(found)
        return found

    def _read_shards(self, wanted: set[str], on_warning: Callable[[str], None]) -> Iterator[tuple[str, Posterior]]:
        for path in sorted(self._folder.glob("*.safetensors")) if wanted else ():
            try:
                names = json.loads(read_metadata(path)["keys"])
                if wanted.isdisjoint(names):
                    continue
                tensors = read_tensors(path)
                rows = zip(names, tensors["mean"], tensors["deviation"], strict=True)
                yield from ((name, Posterior(mean, spread)) for name, mean, spread in rows if name in wanted)
            except (ArtefactError, KeyError, ValueError, TypeError) as error:
                on_warning(f"The cached latents in {path.name} are unreadable and are computed anew: {error}")
                path.unlink(missing_ok=True)

    def _evict(self, used: dict[str, Posterior]) -> None:
        total = sum(posterior.bytes for posterior in self._memory.values())
        for text in [text for text in self._memory if text not in used]:
            if total <= LATENT_MEMORY:
                return
            total -= self._memory.pop(text).bytes

    def _write_shard(self, texts: Sequence[str]) -> None:
        name = hashlib.sha256("".join(texts).encode()).hexdigest()
        tensors = {
            "mean": torch.stack([self._memory[text].mean for text in texts]),
            "deviation": torch.stack([self._memory[text].deviation for text in texts]),
        }
        write_tensors(self._folder / f"{name}.safetensors", tensors, {"keys": json.dumps(list(texts))})


def _shards(keys: Sequence[LatentKey], store: PixelStore) -> list[list[LatentKey]]:
    """Keys of images of one size each, at most `SHARD_LENGTH` of them."""
    sizes: dict[str, list[LatentKey]] = {}
    for key in keys:
        sizes.setdefault(store.files[key.index].transform.key, []).append(key)
    return [
        part[start : start + SHARD_LENGTH] for part in sizes.values() for start in range(0, len(part), SHARD_LENGTH)
    ]


def encode(base: Base, images: Sequence[npt.NDArray[np.uint8 | np.float32]]) -> list[Posterior]:
    """Posteriors of images of one size with levels from 0 to 255."""
    spans = [slice(first, first + ENCODE_BATCH) for first in range(0, len(images), ENCODE_BATCH)]
    return [posterior for span in spans for posterior in _encode_batch(base, images[span])]


def _encode_batch(base: Base, images: Sequence[npt.NDArray[np.uint8 | np.float32]]) -> list[Posterior]:
    # The batch is filled up to a constant size, so that a latent does not depend on how many were encoded with it.
    filled = [*images, *[images[-1]] * (ENCODE_BATCH - len(images))]
    with torch.no_grad():
        posterior = base.autoencoder.encode(to_tensor(filled).to(base.device)).latent_dist
    means, spreads = posterior.mean.cpu(), posterior.std.cpu()
    return [Posterior(means[row].clone(), spreads[row].clone()) for row in range(len(images))]


def to_tensor(images: Sequence[npt.NDArray[np.uint8 | np.float32]]) -> Tensor:
    """[n, 3, height, width] in [-1, 1]."""
    return _levels(images).div(127.5).sub(1.0).contiguous()


def to_unit_tensor(images: Sequence[npt.NDArray[np.uint8 | np.float32]]) -> Tensor:
    """[n, 3, height, width] in [0, 1], as ControlNets read pictures."""
    return _levels(images).div(255.0).contiguous()


def _levels(images: Sequence[npt.NDArray[np.uint8 | np.float32]]) -> Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).to(torch.float32)
