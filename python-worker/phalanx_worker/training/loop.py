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
    on_mask_loss: float | None
    """With masks, mean against the target over what they show, of all samples."""
    off_mask_loss: float | None
    """The same over the rest, of the samples that have any."""


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
        losses, norm = _gradients(technique, feed, settings, step, parameters, lanes, state)
        taken = math.isfinite(losses.total) and math.isfinite(norm)
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
            _check_skip(step, losses.total, norm, settings.steps, state.scaler)
        seconds = time.perf_counter() - began
        state.step = step
        state.seconds += seconds
        yield Step(
            step=step,
            loss=losses.total if taken else None,
            learning_rate=rate,
            gradient_norm=norm if taken else None,
            seconds=seconds,
            on_mask_loss=losses.on_mask.mean() if taken else None,
            off_mask_loss=losses.off_mask.mean() if taken else None,
        )


def _gradients(
    technique: Technique,
    feed: Feed,
    settings: TrainingSettings,
    step: int,
    parameters: Sequence[nn.Parameter],
    lanes: Lanes,
    state: TrainingState,
) -> tuple[_StepLosses, float]:
    """Fill in the step's gradients, clipped; gives its losses and their norm before clipping."""
    if state.scaler is None:
        losses = _accumulate(technique, feed, settings, step, parameters, lanes, None)
    else:
        losses = _accumulate(technique, feed, settings, step, parameters, lanes, state.scaler.scale())
        state.scaler.unscale(state.optimizer)
    return losses, state.optimizer.clip()


def _accumulate(
    technique: Technique,
    feed: Feed,
    settings: TrainingSettings,
    step: int,
    parameters: Sequence[nn.Parameter],
    lanes: Lanes,
    scale: Tensor | None,
) -> _StepLosses:
    """Add the step's gradients up in a fixed order, times `scale`, and give its losses."""
    step_losses, samples = _StepLosses(), feed.samples(step)

    def differentiate(batch: Batch) -> tuple[float, Losses, Sequence[Tensor | None]]:
        with autocast(feed.base.device, settings.precision):
            losses = technique.losses(batch)
            share = losses.total * (len(batch) / samples)
        scaled = share if scale is None else share * scale
        return float(share.detach()), losses, torch.autograd.grad(scaled, parameters, allow_unused=True)

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
