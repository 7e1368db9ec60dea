"""The loss on images that are never trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch

from phalanx_worker.artefacts.tensors import read_metadata, read_tensors, write_tensors
from phalanx_worker.lanes import Lanes
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.technique import Technique
from phalanx_worker.training.feed import Feed
from phalanx_worker.training.loop import TrainingState
from phalanx_worker.training.precision import autocast


def held_out_loss(technique: Technique, feed: Feed, state: TrainingState, lanes: Lanes) -> float:
    """Mean loss over all images of `feed`, of what an export would give now.

    Timesteps, noise and captions are the same each time, so that two values differ by the weights alone.
    """

    def measure(batch: Batch) -> float:
        with torch.no_grad(), autocast(feed.base.device, feed.settings.precision):
            return float(technique.loss(batch)) * len(batch)

    with state.result_weights():
        total = sum(
            sum(lanes.map(measure, [batch.part(span) for span in lanes.spans(len(batch))])) for batch in feed.whole()
        )
    return total / len(feed.store.files)


@dataclass(frozen=True)
class BestStep:
    """The step with the smallest held-out loss so far."""

    step: int
    loss: float


class BestWeights:
    """Weights of the best step, in a file that outlives the process.

    A training that goes on from before the best step takes the steps up to it anew, with the same losses.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def found(self) -> BestStep | None:
        """What the file says, if there is one."""
        if not self._path.exists():
            return None
        metadata = read_metadata(self._path)
        return BestStep(int(metadata["step"]), float(metadata["loss"]))

    def offer(self, candidate: BestStep, technique: Technique, state: TrainingState) -> None:
        """Keep the weights that an export would have now, if their loss is a number and smaller than all before."""
        best = self.found()
        if not math.isfinite(candidate.loss) or (best is not None and best.loss <= candidate.loss):
            return
        with state.result_weights():
            metadata = {"step": str(candidate.step), "loss": repr(candidate.loss)}
            write_tensors(self._path, technique.state(), metadata)

    def restore(self, technique: Technique) -> None:
        """Set the technique's parameters to the best ones."""
        technique.load_state(read_tensors(self._path))
