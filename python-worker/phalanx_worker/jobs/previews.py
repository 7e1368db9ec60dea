"""Pictures drawn during a training."""

from __future__ import annotations

from pathlib import Path

from phalanx_worker.jobs.context import JobContext
from phalanx_worker.model.base import Base
from phalanx_worker.protocol.messages import PreviewSettings


def draw_previews(preview: PreviewSettings, step: int, base: Base, output: Path, context: JobContext) -> None:
    """Every prompt with every seed."""
    raise NotImplementedError
