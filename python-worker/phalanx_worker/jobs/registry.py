"""Which function does which job. A job's module, and torch with it, is imported when the job first runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType

from phalanx_worker.jobs.context import JobContext
from phalanx_worker.protocol.messages import Job, JobResult

JobFunction = Callable[[Job, JobContext], JobResult]

JOB_MODULES: Mapping[str, str] = MappingProxyType(
    {
        "inspect-base": "phalanx_worker.jobs.inspect_base",
        "inspect-adapter": "phalanx_worker.jobs.inspect_adapter",
        "create-base": "phalanx_worker.jobs.create_base",
        "train": "phalanx_worker.jobs.train",
        "explain": "phalanx_worker.jobs.explain",
        "extract": "phalanx_worker.jobs.extract",
        "sample": "phalanx_worker.jobs.sample",
        "train-classifier": "phalanx_worker.jobs.train_classifier",
        "classify": "phalanx_worker.jobs.classify",
        "embed": "phalanx_worker.jobs.embed",
    }
)
"""Job tag to module; the module's `run(job, context)` does the job."""


def job_function(job: Job) -> JobFunction:
    """The function that does `job`, imported on first use."""
    tag = job.__struct_config__.tag
    return import_module(JOB_MODULES[str(tag)]).run  # type: ignore[no-any-return]
