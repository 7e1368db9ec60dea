"""The loss on images that are never trained on."""

from __future__ import annotations

from contextlib import nullcontext

import torch

from phalanx_worker.lanes import Lanes
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.technique import Technique
from phalanx_worker.training.feed import Feed
from phalanx_worker.training.loop import TrainingState


def held_out_loss(technique: Technique, feed: Feed, state: TrainingState, lanes: Lanes) -> float:
    """Mean loss over all images of `feed`, of what an export would give now.

    Timesteps, noise and captions are the same each time, so that two values differ by the weights alone.
    """

    def measure(batch: Batch) -> float:
        with torch.no_grad(), torch.autocast(feed.base.device.type, torch.bfloat16, enabled=half):
            return float(technique.loss(batch)) * len(batch)

    half = feed.settings.precision == "bfloat16"
    with nullcontext() if state.average is None else state.average.applied():
        total = sum(
            sum(lanes.map(measure, [batch.part(span) for span in lanes.spans(len(batch))])) for batch in feed.whole()
        )
    return total / len(feed.store.items)
