"""What the SDK asks of one training, the first argument of the program."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Plan:
    """A training as the SDK worked it out."""

    home: Path
    """The checkout."""
    script: str
    """Module of the checkout that has the parser, such as `train_network`."""
    trainer: str
    """Class of that module."""
    arguments: tuple[str, ...]
    """For the checkout's own parser."""
    output: Path
    """Run folder."""
    checkpoint_every: int
    """Optimizer steps between checkpoints."""
    checkpoints_kept: int
    resumable: bool
    """Whether the checkout counts steps rightly when it goes on from a checkpoint of this training."""
    report_descriptor: int
    """Open file descriptor that takes the reports."""


def read_plan(text: str) -> Plan:
    """The plan in an argument; raises ValueError or KeyError for anything else."""
    value = json.loads(text)
    return Plan(
        home=Path(value["home"]),
        script=value["script"],
        trainer=value["trainer"],
        arguments=tuple(value["arguments"]),
        output=Path(value["output"]),
        checkpoint_every=value["checkpointEvery"],
        checkpoints_kept=value["checkpointsKept"],
        resumable=value["resumable"],
        report_descriptor=value["reportDescriptor"],
    )
