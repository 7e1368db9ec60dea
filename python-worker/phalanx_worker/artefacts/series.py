"""The loss series of a training: JSON lines."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from phalanx_worker.artefacts.atomic import whole_file
from phalanx_worker.errors import ArtefactError


class SeriesLine(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One optimizer step."""

    step: int
    loss: float | None
    """None when the step was skipped."""
    learning_rate: float
    gradient_norm: float | None
    seconds: float
    held_out_loss: float | None = None
    on_mask_loss: float | None = None
    off_mask_loss: float | None = None
    metric: float | None = None
    """Written by the other side after a pause; kept when lines are cut off."""


class SeriesWriter:
    """Appends lines; those after `step` are cut off first, since a resumed training takes these steps again.

    Raises ArtefactError (`broken-series`) when the file lacks steps up to `step`.
    """

    def __init__(self, path: Path, step: int) -> None:
        _cut(path, step)
        self._stream = path.open("ab")

    def write(self, line: SeriesLine) -> None:
        """Append a step; it is in the file when this returns."""
        self._stream.write(msgspec.json.encode(line) + b"\n")
        self._stream.flush()

    def sync(self) -> None:
        """Bring everything written to the disk, before a checkpoint counts on it."""
        os.fsync(self._stream.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()


def read_series(path: Path) -> list[SeriesLine]:
    """All whole lines; a last line that was cut off is left out."""
    if not path.exists():
        return []
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    return [msgspec.json.decode(line, type=SeriesLine) for line in whole.splitlines()]


def final_loss(series: list[SeriesLine]) -> float:
    """Mean loss of the last tenth of the steps that were taken, at least one."""
    losses = [line.loss for line in series if line.loss is not None]
    last = losses[-max(1, len(losses) // 10) :]
    return sum(last) / len(last)


def _cut(path: Path, step: int) -> None:
    kept = [line for line in read_series(path) if line.step <= step]
    if [line.step for line in kept] != list(range(1, step + 1)):
        raise ArtefactError(
            f"{path} lacks steps before {step}, which the checkpoint counts on. Train into a new folder.",
            code="broken-series",
            facts={"path": str(path), "step": step},
        )
    with whole_file(path) as temporary:
        temporary.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in kept))
