"""Makes a base with random weights."""

from __future__ import annotations

from pathlib import Path

from phalanx_worker.jobs.context import JobContext
from phalanx_worker.model.create import create_base
from phalanx_worker.model.save import folder_bytes
from phalanx_worker.protocol.messages import CreateBaseJob, CreateBaseResult


def run(job: CreateBaseJob, context: JobContext) -> CreateBaseResult:
    """Write the folder. Raises as `create_base`."""
    context.phase("saving")
    output = Path(job.output)
    create_base(job.architecture, job.captions, job.seed, output, job.weights)
    return CreateBaseResult(folder=job.output, bytes=folder_bytes(output))
