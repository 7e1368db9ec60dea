"""The loss series of a training, as the SDK reads it: JSON lines."""

from __future__ import annotations

import json
from itertools import takewhile
from pathlib import Path
from typing import Any


class Series:
    """Appends a line per optimizer step; those after `step` are cut off first, since they are taken again."""

    def __init__(self, path: Path, step: int) -> None:
        lines = path.read_text("utf-8").splitlines(keepends=True) if path.exists() else []
        self._lines = [json.loads(line) for line in lines[:step]]
        path.write_text("".join(lines[:step]), "utf-8")
        self._stream = path.open("a", encoding="utf-8", buffering=1)

    def write(self, line: dict[str, Any]) -> None:
        """Append a step."""
        self._lines.append(line)
        self._stream.write(json.dumps(line) + "\n")

    @property
    def seconds(self) -> float:
        """Wall-clock time of all steps."""
        return float(sum(line["seconds"] for line in self._lines))

    @property
    def final_loss(self) -> float:
        """Mean loss of the last tenth of the steps that were taken."""
        losses = [line["loss"] for line in self._lines if line["loss"] is not None]
        last = losses[-max(1, len(losses) // 10) :]
        return float(sum(last) / len(last))

    @property
    def skipped(self) -> int:
        """Steps whose gradients overflowed float16."""
        return sum(line["loss"] is None for line in self._lines)

    @property
    def skipped_in_a_row(self) -> int:
        """Of these, those since the last step that was taken."""
        return len(list(takewhile(lambda line: line["loss"] is None, reversed(self._lines))))
