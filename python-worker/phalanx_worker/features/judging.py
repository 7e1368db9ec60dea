"""Judges images with a finger classifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from phalanx_worker.features.classifier_file import Classifier
from phalanx_worker.features.training import to_input
from phalanx_worker.protocol.messages import Judgement
from phalanx_worker.training.images import CoverCrop, read_image


def judge(
    classifier: Classifier, files: Sequence[Path], batch_size: int, on_batch: Callable[[int], None]
) -> list[Judgement]:
    """A judgement per file, in their order; the batch size changes speed alone.

    Raises DatasetError (`missing-image`, `broken-image`, `image-too-large`).
    """
    transform = CoverCrop(classifier.image_size, classifier.image_size)
    judgements: list[Judgement] = []
    for start in range(0, len(files), batch_size):
        images = to_input(np.stack([read_image(path, transform) for path in files[start : start + batch_size]]))
        with torch.inference_mode():
            seen = classifier.network(images)
        probabilities = torch.softmax(seen.counts.double(), dim=1)
        defects = torch.sigmoid(seen.defect.double() / classifier.temperature)
        for row in range(len(images)):
            judgements.append(
                Judgement(
                    fingers=int(probabilities[row].argmax()),
                    finger_probabilities=tuple(probabilities[row].tolist()),
                    defect_probability=float(defects[row]),
                    features=tuple(seen.features[row].tolist()),
                )
            )
        on_batch(len(judgements))
    return judgements
