"""What a training was asked for and what came of it, in its folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from phalanx_worker.artefacts.atomic import whole_file
from phalanx_worker.errors import ArtefactError
from phalanx_worker.protocol.messages import TrainJob, TrainResult
from phalanx_worker.techniques.technique import subset_facts

RESULT_FILE = "result.json"
PAUSE_FOLDER = "paused"
# They decide what is kept and shown on the way, not what comes out.
WITHOUT_EFFECT = ("checkpointEvery", "checkpointsKept", "preview")


class FinishedTraining(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The content of result.json."""

    config_sha256: str
    result: TrainResult


def result_folder(job: TrainJob) -> Path:
    """Where the result is written: the run folder, or that of a pause, as paused/step-00000100 in it."""
    output = Path(job.output)
    return output if job.pause_after is None else output / PAUSE_FOLDER / f"step-{job.pause_after:08d}"


def config_sha256(job: TrainJob, base_sha256: str) -> str:
    """SHA-256 of everything that decides the result: settings, name, identity of base, subsets,
    and how held-out images choose.
    """
    settings = msgspec.to_builtins(job.settings)
    for name in WITHOUT_EFFECT:
        del settings[name]
    facts = {"settings": settings, "name": job.name, "base": base_sha256}
    facts["subsets"] = [subset_facts(subset) for subset in job.subsets]
    if job.buckets is not None:
        facts["sizes"] = msgspec.to_builtins(job.buckets.sizes)
        facts["places"] = msgspec.to_builtins(job.buckets.places[: len(job.subsets)])
    held_out = job.held_out
    if held_out is not None and held_out.best is not None:
        how = {name: value for name, value in msgspec.to_builtins(held_out).items() if name != "dataset"}
        facts["chosen"] = {**how, "dataset": held_out.dataset.sha256}
    return hashlib.sha256(msgspec.json.encode(facts, order="sorted")).hexdigest()


def finished_result(output: Path, config: str) -> TrainResult | None:
    """The result that is already there; raises ArtefactError (`config-changed`) when it is of another config."""
    path = output / RESULT_FILE
    if not path.exists():
        return None
    try:
        finished = msgspec.json.decode(path.read_bytes(), type=FinishedTraining)
    except msgspec.DecodeError:
        return None
    if finished.config_sha256 != config:
        raise config_changed(output)
    return finished.result if Path(finished.result.path).exists() else None


def write_result(output: Path, config: str, result: TrainResult) -> None:
    """Make the training count as finished. Raises ArtefactError (`disk-full`)."""
    with whole_file(output / RESULT_FILE) as temporary:
        content = msgspec.json.encode(FinishedTraining(config_sha256=config, result=result))
        temporary.write_bytes(msgspec.json.format(content, indent=2))


def config_changed(output: Path) -> ArtefactError:
    """The error for a folder that belongs to another training."""
    return ArtefactError(
        f"{output} holds a training with other settings, base or dataset. Train into a new folder, or go back to the "
        "settings it was started with.",
        code="config-changed",
        facts={"folder": str(output)},
    )


def beyond_pause(output: Path, step: int, pause: int) -> ArtefactError:
    """The error for a training that has gone on from where it should pause."""
    return ArtefactError(
        f"The training in {output} is at step {step} already, and what it was after step {pause} is not kept. Train "
        "into a new folder.",
        code="beyond-pause",
        facts={"folder": str(output), "step": step, "pause": pause},
    )
