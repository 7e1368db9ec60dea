"""Failures a user can act on, grouped by place as on the TypeScript side. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

Place = Literal["config", "worker", "protocol", "job", "dataset", "artefact"]
Fact = str | int | float | bool | None


class LabError(Exception):
    """Base of the errors the worker raises on purpose.

    `code` names the failure in lower-case words joined by hyphens, `facts` carries its particulars, and the message
    says what to do next. `retryable` tells whether the same job may succeed when it is tried again.
    """

    place: ClassVar[Place] = "job"

    def __init__(
        self, message: str, *, code: str, facts: Mapping[str, Fact] | None = None, retryable: bool = False
    ) -> None:
        super().__init__(message)
        self.code = code
        self.facts: dict[str, Fact] = dict(facts or {})
        self.retryable = retryable


class ConfigError(LabError):
    """What the user wrote cannot be used."""

    place = "config"


class WorkerError(LabError):
    """The worker itself cannot serve."""

    place = "worker"


class JobError(LabError):
    """The job's own work failed."""

    place = "job"


class DatasetError(LabError):
    """An image, a caption or a dataset as a whole cannot be used."""

    place = "dataset"


class ArtefactError(LabError):
    """A file or folder is broken, hostile, or in use by somebody else."""

    place = "artefact"
