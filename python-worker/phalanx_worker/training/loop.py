"""The training loop: a generator of steps. Logging, checkpoints, previews and stopping belong to its caller."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from phalanx_worker.errors import JobError
from phalanx_worker.lanes import Lanes
from phalanx_worker.protocol.messages import TrainingSettings
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.losses import Losses, SampleSum
from phalanx_worker.techniques.technique import Technique, named_parameters
from phalanx_worker.training.ema import MovingAverage
from phalanx_worker.training.feed import Feed
from phalanx_worker.training.optimizer import Optimizer
from phalanx_worker.training.schedule import rate_factor


@dataclass(frozen=True)
class Step:
    """One optimizer step that has been taken."""

    step: int
    """1-based."""
    loss: float
    """Mean over all samples of the step."""
    learning_rate: float
    """Of the first parameter group, as the optimizer reckons it."""
    gradient_norm: float
    """Of all gradients together, before clipping."""
    seconds: float
    on_mask_loss: float | None
    """With masks, mean against the target over what they show, of all samples."""
    off_mask_loss: float | None
    """The same over the rest, of the samples that have any."""


@dataclass
class TrainingState:
    """What changes while training; with the technique's parameters, all that a checkpoint must hold."""

    optimizer: Optimizer
    average: MovingAverage | None
    step: int = 0
    """Optimizer steps done."""
    seconds: float = 0.0
    """Wall-clock time of all steps done."""

    @contextmanager
    def result_weights(self) -> Iterator[None]:
        """Within the block the parameters are those that an export would have now."""
        with self.optimizer.evaluated():
            if self.average is None:
                yield
                return
            with self.average.applied():
                yield


def new_state(technique: Technique, settings: TrainingSettings) -> TrainingState:
    """The state before the first step of an attached technique. Raises what `Optimizer` raises."""
    parameters = named_parameters(technique)
    average = None if settings.ema_decay is None else MovingAverage(parameters, settings.ema_decay)
    return TrainingState(Optimizer(settings.optimizer, technique.parameter_groups()), average)


def train(
    technique: Technique, feed: Feed, settings: TrainingSettings, state: TrainingState, lanes: Lanes
) -> Iterator[Step]:
    """Take the steps after `state.step`; parameters and `state` belong to the step just yielded.

    Raises JobError (`loss-not-finite`) before the weights take harm.
    """
    parameters = list(named_parameters(technique).values())
    while state.step < settings.steps:
        began = time.perf_counter()
        step = state.step + 1
        state.optimizer.zero_gradients()
        losses = _accumulate(technique, feed, settings, step, parameters, lanes)
        norm = state.optimizer.clip()
        _check_finite(step, losses.total, norm)
        rate = state.optimizer.step(rate_factor(settings.schedule, step, settings.steps))
        technique.after_step()
        if state.average is not None:
            with state.optimizer.evaluated():
                state.average.update(step)
        seconds = time.perf_counter() - began
        state.step = step
        state.seconds += seconds
        yield Step(
            step=step,
            loss=losses.total,
            learning_rate=rate,
            gradient_norm=norm,
            seconds=seconds,
            on_mask_loss=losses.on_mask.mean(),
            off_mask_loss=losses.off_mask.mean(),
        )


def _accumulate(
    technique: Technique,
    feed: Feed,
    settings: TrainingSettings,
    step: int,
    parameters: Sequence[nn.Parameter],
    lanes: Lanes,
) -> _StepLosses:
    """Add the step's gradients up in a fixed order, and give its losses."""
    step_losses = _StepLosses()

    def differentiate(batch: Batch) -> tuple[float, Losses, Sequence[Tensor | None]]:
        with torch.autocast(feed.base.device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
            losses = technique.losses(batch)
            share = losses.total * (len(batch) / (settings.batch_size * settings.accumulation))
        return float(share.detach()), losses, torch.autograd.grad(share, parameters, allow_unused=True)

    for batch in feed.batches(step):
        for share, losses, gradients in lanes.map(
            differentiate, [batch.part(span) for span in lanes.spans(len(batch))]
        ):
            step_losses.total += share
            step_losses.on_mask += losses.on_mask
            step_losses.off_mask += losses.off_mask
            _add_gradients(parameters, gradients)
    return step_losses


@dataclass
class _StepLosses:
    total: float = 0.0
    on_mask: SampleSum = field(default_factory=SampleSum)
    off_mask: SampleSum = field(default_factory=SampleSum)


def _add_gradients(parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor | None]) -> None:
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is None:
            continue
        parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)


def _check_finite(step: int, loss: float, norm: float) -> None:
    if not (math.isfinite(loss) and math.isfinite(norm)):
        raise JobError(
            f"The loss of step {step} is {loss}, its gradient norm {norm}.",
            code="loss-not-finite",
            facts={"step": step, "loss": str(loss), "gradient_norm": str(norm)},
        )
