"""The training loop: a generator of steps. Logging, checkpoints, previews and stopping belong to its caller."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from phalanx_worker.errors import JobError
from phalanx_worker.lanes import Lanes
from phalanx_worker.protocol.messages import TrainingSettings
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.technique import Technique, named_parameters
from phalanx_worker.training.ema import MovingAverage
from phalanx_worker.training.feed import Feed
from phalanx_worker.training.optimizer import Optimizer
from phalanx_worker.training.precision import autocast
from phalanx_worker.training.scaler import MOST_IN_A_ROW, Scaler
from phalanx_worker.training.schedule import rate_factor


@dataclass(frozen=True)
class Step:
    """One optimizer step that has been taken, or skipped for gradients that overflowed float16."""

    step: int
    """1-based."""
    loss: float | None
    """Mean over all samples of the step; None when it was skipped."""
    learning_rate: float
    """Of the first parameter group, as the optimizer reckons it."""
    gradient_norm: float | None
    """Of all gradients together, before clipping; None when the step was skipped."""
    seconds: float


@dataclass
class TrainingState:
    """What changes while training; with the technique's parameters, all that a checkpoint must hold."""

    optimizer: Optimizer
    average: MovingAverage | None
    scaler: Scaler | None = None
    """With float16."""
    step: int = 0
    """Optimizer steps done, with those that were skipped."""
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
    scaler = Scaler(technique.base.device) if settings.precision == "float16" else None
    return TrainingState(Optimizer(settings.optimizer, technique.parameter_groups()), average, scaler)


def train(
    technique: Technique, feed: Feed, settings: TrainingSettings, state: TrainingState, lanes: Lanes
) -> Iterator[Step]:
    """Take the steps after `state.step`; parameters and `state` belong to the step just yielded.

    With a scaler, a step whose gradients are no numbers is skipped: data and schedule go on, the weights stay.
    Raises JobError (`loss-not-finite`) before the weights take harm, and when too many steps are skipped.
    """
    parameters = list(named_parameters(technique).values())
    while state.step < settings.steps:
        began = time.perf_counter()
        step = state.step + 1
        state.optimizer.zero_gradients()
        loss, norm = _gradients(technique, feed, settings, step, parameters, lanes, state)
        taken = math.isfinite(loss) and math.isfinite(norm)
        if state.scaler is not None:
            state.scaler.update(taken)
        rate = 0.0
        if taken:
            rate = state.optimizer.step(rate_factor(settings.schedule, step, settings.steps))
            technique.after_step()
            if state.average is not None:
                with state.optimizer.evaluated():
                    state.average.update(step)
        else:
            _check_skip(step, loss, norm, settings.steps, state.scaler)
        seconds = time.perf_counter() - began
        state.step = step
        state.seconds += seconds
        yield Step(step, loss if taken else None, rate, norm if taken else None, seconds)


def _gradients(
    technique: Technique,
    feed: Feed,
    settings: TrainingSettings,
    step: int,
    parameters: Sequence[nn.Parameter],
    lanes: Lanes,
    state: TrainingState,
) -> tuple[float, float]:
    """Fill in the step's gradients, clipped; gives its loss and their norm before clipping."""
    if state.scaler is None:
        loss = _accumulate(technique, feed, settings, step, parameters, lanes, None)
    else:
        loss = _accumulate(technique, feed, settings, step, parameters, lanes, state.scaler.scale())
        state.scaler.unscale(state.optimizer)
    return loss, state.optimizer.clip()


def _accumulate(
    technique: Technique,
    feed: Feed,
    settings: TrainingSettings,
    step: int,
    parameters: Sequence[nn.Parameter],
    lanes: Lanes,
    scale: Tensor | None,
) -> float:
    """Add the step's gradients up in a fixed order, times `scale`, and give its loss."""
    total = 0.0

    def differentiate(batch: Batch) -> tuple[float, Sequence[Tensor | None]]:
        with autocast(feed.base.device, settings.precision):
            loss = technique.loss(batch) * (len(batch) / (settings.batch_size * settings.accumulation))
        scaled = loss if scale is None else loss * scale
        return float(loss.detach()), torch.autograd.grad(scaled, parameters, allow_unused=True)

    for batch in feed.batches(step):
        for loss, gradients in lanes.map(differentiate, [batch.part(span) for span in lanes.spans(len(batch))]):
            total += loss
            _add_gradients(parameters, gradients)
    return total


def _add_gradients(parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor | None]) -> None:
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is None:
            continue
        parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)


def _check_skip(step: int, loss: float, norm: float, steps: int, scaler: Scaler | None) -> None:
    """Whether a step without finite gradients may be skipped."""
    in_a_row = 0 if scaler is None else scaler.in_a_row
    if 0 < in_a_row <= MOST_IN_A_ROW and in_a_row < steps:
        return
    skipped = "" if scaler is None else f" It is the {in_a_row}. in a row whose gradients are no numbers in float16."
    raise JobError(
        f"The loss of step {step} is {loss}, its gradient norm {norm}.{skipped}",
        code="loss-not-finite",
        facts={"step": step, "loss": str(loss), "gradient_norm": str(norm), "skipped_in_a_row": in_a_row},
    )
