"""Trains the finger classifier."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from phalanx_worker.errors import DatasetError, JobError
from phalanx_worker.features.augmentation import augment
from phalanx_worker.features.network import FingerNetwork, Seen
from phalanx_worker.protocol.messages import ClassifierSettings, CosineSchedule, DatasetItem
from phalanx_worker.streams import Streams
from phalanx_worker.training.data import EpochOrder, PixelStore
from phalanx_worker.training.schedule import rate_factor

SCHEDULE = CosineSchedule(warmup_steps=0)
CALIBRATION_SHARE = 10
"""One image in so many is never trained on; the defect probability is calibrated with them."""
LARGEST_GRADIENT_NORM = 1.0
MOST_FINGERS = 6


@dataclass(frozen=True)
class ClassifierStep:
    """One optimizer step."""

    step: int
    loss: float
    learning_rate: float
    gradient_norm: float
    seconds: float


def split_items(items: tuple[DatasetItem, ...]) -> tuple[list[int], list[int]]:
    """Positions to train on and to calibrate with; images of the same content are on the same side.

    The images with the smallest content hashes are held out, so that most of them stay so when a dataset grows.
    Raises DatasetError (`no-labels`) when either would hold no labelled image.
    """
    labelled = [index for index, item in enumerate(items) if item.fingers is not None or item.defect is not None]
    contents = sorted({items[index].sha256 for index in labelled})
    if len(contents) < 2:
        raise DatasetError(
            f"Only {len(labelled)} of {len(items)} images are labelled, too few to train and calibrate with. "
            "Give more images with `fingers` or `defect`.",
            code="no-labels",
            facts={"images": len(items), "labelled": len(labelled)},
        )
    chosen = set(contents[: max(1, len(contents) // CALIBRATION_SHARE)])
    held = [index for index in labelled if items[index].sha256 in chosen]
    return [index for index in labelled if items[index].sha256 not in chosen], held


def train(
    network: FingerNetwork, store: PixelStore, trained: list[int], settings: ClassifierSettings
) -> Iterator[ClassifierStep]:
    """Change the network's weights step by step. Raises JobError (`loss-not-finite`)."""
    streams = Streams(settings.seed)
    order = EpochOrder(streams, len(trained))
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    network.train()
    for step in range(1, settings.steps + 1):
        began = time.perf_counter()
        rate = settings.learning_rate * rate_factor(SCHEDULE, step, settings.steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        first = (step - 1) * settings.batch_size
        batch = [trained[order.item(first + place)] for place in range(settings.batch_size)]
        images = load_images(store, batch)
        if settings.augment:
            images = augment(images, streams.generator("augment", step))
        loss = labelled_loss(network(images), [store.files[index].item for index in batch])
        if not math.isfinite(float(loss.detach())):
            raise JobError(
                f"The loss is no number in step {step}. Lower the learning rate.",
                code="loss-not-finite",
                facts={"step": step},
            )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT_NORM)
        optimizer.step()
        yield ClassifierStep(step, float(loss.detach()), rate, float(norm), time.perf_counter() - began)


def labelled_loss(seen: Seen, items: list[DatasetItem]) -> Tensor:
    """Cross-entropy of the counts plus that of the defects, each over the images that have the label."""
    counts = torch.tensor([-1 if item.fingers is None else min(item.fingers, MOST_FINGERS) for item in items])
    defects = torch.tensor([-1.0 if item.defect is None else float(item.defect) for item in items])
    loss = seen.counts.sum() * 0
    if bool((counts >= 0).any()):
        loss = loss + functional.cross_entropy(seen.counts, counts, ignore_index=-1)
    known = defects >= 0
    if bool(known.any()):
        loss = loss + functional.binary_cross_entropy_with_logits(seen.defect[known], defects[known])
    return loss


def calibrate(network: FingerNetwork, store: PixelStore, held: list[int], batch_size: int) -> float:
    """The temperature that makes the defect probability fit the held-out images best (Guo et al., 2017)."""
    known = [index for index in held if store.files[index].item.defect is not None]
    if not known:
        return 1.0
    network.eval()
    with torch.inference_mode():
        logits = torch.cat(
            [
                network(load_images(store, known[start : start + batch_size])).defect
                for start in range(0, len(known), batch_size)
            ]
        ).double()
    truth = torch.tensor([float(bool(store.files[index].item.defect)) for index in known], dtype=torch.float64)
    temperatures = np.geomspace(0.25, 8.0, 141)
    losses = [float(functional.binary_cross_entropy_with_logits(logits / t, truth)) for t in temperatures]
    return float(temperatures[int(np.argmin(losses))])


def load_images(store: PixelStore, indices: list[int]) -> Tensor:
    """[n, 3, size, size] in [-1, 1]."""
    return to_input(np.stack([store.pixels(index) for index in indices]))


def to_input(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Tensor:
    """uint8 [n, size, size, 3] to what the network looks at."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
