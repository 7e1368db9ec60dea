"""The checkout's own trainer with reports at its hooks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kohya_runner.checkpoints import Checkpoints
from kohya_runner.plan import Plan
from kohya_runner.reports import Reports, StopRequest
from kohya_runner.series import Series

MOST_SKIPPED = 20
"""Steps in a row, as in the package's own training."""


class Stopped(BaseException):
    """The SDK asked for an end; not an `Exception`, so that the checkout's own handlers let it through."""

    def __init__(self, checkpoint: Path | None) -> None:
        super().__init__("stopped on request")
        self.checkpoint = checkpoint


class LossNotFiniteError(Exception):
    """The loss or the gradients are no numbers any more."""


class Watcher:
    """Counts steps, reports them, writes checkpoints, and stops the training when asked."""

    def __init__(
        self, plan: Plan, reports: Reports, stop: StopRequest, checkpoints: Checkpoints, series: Series
    ) -> None:
        self._plan = plan
        self._reports = reports
        self._stop = stop
        self._checkpoints = checkpoints
        self._series = series
        self._losses: list[float] = []
        self._rate = 0.0
        self._norm = 0.0
        self._began: float | None = None
        self._shown: set[str] = set()
        self.parameters = 0
        self.device = ""
        self.weights: Callable[[], Mapping[str, Any]] | None = None
        """Gives everything that belongs into the file, by name; None before the first step."""

    def forward(self) -> None:
        """Before a forward pass; the first one of a step starts the clock."""
        if self._began is None:
            self._began = time.perf_counter()

    def loss(self, value: float) -> None:
        """The loss of one forward pass."""
        self._losses.append(value)

    def gradients(self, accelerator: Any, network: Any) -> None:
        """After the last backward pass of a step, before clipping."""
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self.parameters = sum(parameter.numel() for parameter in trained)
        norms = [float(parameter.grad.norm()) for parameter in trained if parameter.grad is not None]
        # With float16 they are still scaled.
        self._norm = math.hypot(*norms) / _scale(accelerator) if norms else 0.0
        self.device = str(accelerator.device)
        self.weights = accelerator.unwrap_model(network).state_dict
        # The schedule moves on right after the step, so this is the last moment to see its rate.
        group = accelerator._optimizers[0].param_groups[0]
        # Prodigy multiplies the rate by its estimate d.
        self._rate = float(group["lr"]) * float(group.get("d", 1.0))

    def step_end(self, accelerator: Any, step: int, total: int) -> None:
        """Right after an optimizer step, or where its gradients overflowed float16. Raises LossNotFiniteError."""
        loss = sum(self._losses) / len(self._losses)
        self._losses.clear()
        now = time.perf_counter()
        seconds, self._began = now - (self._began or now), None
        finite = math.isfinite(loss) and math.isfinite(self._norm)
        if not finite and accelerator.scaler is not None and self._may_skip(total):
            self._series.write(
                {"step": step, "loss": None, "learningRate": 0.0, "gradientNorm": None, "seconds": seconds}
            )
            facts = {"scale": _scale(accelerator), "skipped": self._series.skipped, "seconds": seconds}
            self._reports.send("step-skip", step=step, total=total, heldOutLoss=None, **facts)
            return
        if not finite:
            raise LossNotFiniteError(f"The loss of step {step} is {loss}, its gradient norm {self._norm}.")
        record: dict[str, float | None] = {
            "step": step,
            "loss": loss,
            "learningRate": self._rate,
            "gradientNorm": self._norm,
            "seconds": seconds,
            "heldOutLoss": None,
            "onMaskLoss": None,
            "offMaskLoss": None,
        }
        self._series.write(record)
        self._reports.send("step-end", total=total, **record)

    def _may_skip(self, total: int) -> bool:
        in_a_row = self._series.skipped_in_a_row + 1
        return in_a_row <= MOST_SKIPPED and in_a_row < total

    def boundary(self, accelerator: Any, step: int, total: int) -> None:
        """Between two steps: a checkpoint when one is due, an end when it is asked for. Raises Stopped."""
        path: Path | None = None
        # The last step needs none: the result is written right after it.
        if self._plan.resumable and step < total and (self._stop.asked or step % self._plan.checkpoint_every == 0):
            path = self._checkpoints.write(step, accelerator.save_state)
            self._reports.send("checkpoint-end", step=step, path=str(path))
        if self._stop.asked and step < total:
            raise Stopped(path)

    def previews(self, step: int) -> None:
        """Report pictures that appeared since the last call."""
        for path in sorted((self._plan.output / "sample").glob("*.png")):
            if path.name not in self._shown:
                self._shown.add(path.name)
                self._reports.send("preview-end", step=step, path=str(path))


def _scale(accelerator: Any) -> float:
    return 1.0 if accelerator.scaler is None else float(accelerator.scaler.get_scale())


def watched(trainer: type, watcher: Watcher) -> type:
    """A trainer class of the checkout whose hooks tell `watcher`."""

    class Watched(trainer):  # type: ignore[misc]
        def process_batch(self, *args: Any, **kwargs: Any) -> Any:
            watcher.forward()
            loss = super().process_batch(*args, **kwargs)
            watcher.loss(float(loss.detach()))
            return loss

        def all_reduce_network(self, accelerator: Any, network: Any) -> None:
            super().all_reduce_network(accelerator, network)
            watcher.gradients(accelerator, network)

        def sample_images(self, accelerator: Any, args: Any, epoch: Any, step: int, *rest: Any) -> None:
            # The checkout calls this after every optimizer step, and with an epoch's number before the first and after
            # the last step of an epoch.
            if epoch is None:
                watcher.step_end(accelerator, step, args.max_train_steps)
            super().sample_images(accelerator, args, epoch, step, *rest)
            watcher.previews(step)
            if epoch is None:
                watcher.boundary(accelerator, step, args.max_train_steps)

    return Watched
