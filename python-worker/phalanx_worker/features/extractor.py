"""What every extractor of features can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from phalanx_worker.artefacts.tensors import file_sha256
from phalanx_worker.errors import ArtefactError, ConfigError
from phalanx_worker.training.images import Pixels


class Extractor(ABC):
    """Turns images, and of some kinds texts, into rows of numbers. Holds its weights on one device."""

    logit_scale: float | None = None
    """What a CLIP multiplies a cosine of image and text with; None for all others."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Numbers a row."""

    @abstractmethod
    def prepare(self, pixels: Pixels) -> Tensor:
        """One image, [height, width, 3] uint8 at its own size, as the network takes it: [3, size, size] float32."""

    @abstractmethod
    def embed(self, images: Tensor) -> Tensor:
        """[n, width] of prepared images [n, 3, size, size]."""

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """[n, width] of texts. Raises ConfigError (`no-text-features`, `text-too-long`)."""
        raise ConfigError(
            f"These features are of images alone, and {len(texts)} texts were given. Use a CLIP for texts.",
            code="no-text-features",
            facts={"texts": len(texts)},
        )


def require_sha256(path: Path, wanted: str) -> None:
    """Raises ArtefactError (`missing-file`, `changed-weights`) unless a file has this SHA-256."""
    if not path.is_file():
        raise ArtefactError(f"There is no file {path}.", code="missing-file", facts={"path": str(path)})
    found = file_sha256(path)
    if found != wanted:
        raise ArtefactError(
            f"{path} has the SHA-256 {found}, not {wanted}: it changed since the job was planned. Plan it again, or "
            "put the file back.",
            code="changed-weights",
            facts={"path": str(path), "wanted": wanted, "found": found},
        )
