"""Counter-based random streams: the same draw for the same key, whatever the batch size, worker or cache."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Streams:
    """Philox 4x64 (Salmon et al., 2011) keyed by `seed` and purpose, at a counter of step and sample.

    A stream has room for 2**128 draws before it would meet the next sample's.
    """

    seed: int

    def generator(self, purpose: str, step: int = 0, sample: int = 0) -> np.random.Generator:
        """The generator of one purpose ('noise', 'timestep', ...) at one step and sample, from its beginning."""
        word = int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8], "little")
        key = np.array([self.seed, word], dtype=np.uint64)
        counter = np.array([0, 0, sample, step], dtype=np.uint64)
        return np.random.Generator(np.random.Philox(key=key, counter=counter))

    def normal(self, purpose: str, shape: tuple[int, ...], step: int, sample: int) -> npt.NDArray[np.float32]:
        """Standard normal float32 numbers of `shape`."""
        return self.generator(purpose, step, sample).standard_normal(shape, dtype=np.float32)

    def uniform(self, purpose: str, step: int, sample: int) -> float:
        """One number in [0, 1)."""
        return float(self.generator(purpose, step, sample).random())

    def integer(self, purpose: str, high: int, step: int, sample: int) -> int:
        """One integer in [0, high)."""
        return int(self.generator(purpose, step, sample).integers(high))

    def permutation(self, purpose: str, length: int, epoch: int) -> npt.NDArray[np.int64]:
        """An order of `length` items for one pass over them."""
        return self.generator(purpose, epoch).permutation(length)
