"""Opens extractors of features, and keeps the last one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, assert_never

import msgspec
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from phalanx_worker.features.classifier_file import Classifier, read_classifier
from phalanx_worker.features.extractor import Extractor, require_sha256
from phalanx_worker.features.inception import read_inception
from phalanx_worker.features.sharpness import SharpnessExtractor
from phalanx_worker.features.training import to_input
from phalanx_worker.features.transformer import read_clip, read_dinov2
from phalanx_worker.model.warm import torch_device
from phalanx_worker.protocol.messages import (
    SharpnessExtractor as SharpnessSettings,
)
from phalanx_worker.protocol.messages import (
    StoredClassifier,
    StoredClip,
    StoredDinov2,
    StoredExtractor,
    StoredInception,
)
from phalanx_worker.training.images import CoverCrop, Pixels

WARM_KEY = "extractor"


def warm_extractor(warm: dict[str, Any], settings: StoredExtractor, device: str) -> Extractor:
    """The extractor, read again only when the last job used another one.

    Raises ArtefactError, as reading each kind does, and ConfigError (`device-unavailable`).
    """
    key = msgspec.json.encode(settings)
    known: tuple[bytes, Extractor] | None = warm.get(WARM_KEY)
    if known is not None and known[0] == key:
        return known[1]
    # One at a time: some have a billion weights.
    warm.pop(WARM_KEY, None)
    extractor = _read(settings, torch_device(device))
    warm[WARM_KEY] = (key, extractor)
    return extractor


def _read(settings: StoredExtractor, device: torch.device) -> Extractor:
    if isinstance(settings, StoredClassifier):
        require_sha256(Path(settings.weights), settings.sha256)
        return _ClassifierExtractor(read_classifier(Path(settings.weights)))
    if isinstance(settings, StoredInception):
        return read_inception(settings, device)
    if isinstance(settings, StoredClip):
        return read_clip(settings, device)
    if isinstance(settings, StoredDinov2):
        return read_dinov2(settings, device)
    if isinstance(settings, SharpnessSettings):
        return SharpnessExtractor()
    assert_never(settings)


class _ClassifierExtractor(Extractor):
    """What both heads of a finger classifier look at. It is small, and stays on the CPU as where it judges."""

    def __init__(self, classifier: Classifier) -> None:
        self._network = classifier.network
        self._transform = CoverCrop(classifier.image_size, classifier.image_size)

    @property
    def width(self) -> int:
        return self._network.counts.in_features

    def prepare(self, pixels: Pixels) -> Tensor:
        return to_input(np.stack([self._transform(Image.fromarray(pixels))]))[0]

    def embed(self, images: Tensor) -> Tensor:
        with torch.inference_mode():
            return self._network(images).features  # type: ignore[no-any-return]
