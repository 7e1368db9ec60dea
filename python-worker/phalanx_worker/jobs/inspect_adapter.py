"""Reads an adapter file and says what it is made for."""

from __future__ import annotations

from pathlib import Path

from phalanx_worker.jobs.context import JobContext
from phalanx_worker.model.adapter_family import family_of
from phalanx_worker.model.adapter_file import read_adapter
from phalanx_worker.protocol.messages import AdapterDescription, InspectAdapterJob


def run(job: InspectAdapterJob, context: JobContext) -> AdapterDescription:
    """Its family. Raises as `read_adapter`."""
    context.phase("loading")
    return AdapterDescription(family=family_of(read_adapter(Path(job.file))))
