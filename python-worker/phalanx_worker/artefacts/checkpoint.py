"""Checkpoints: folders that appear under their final name only when whole."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from torch import Tensor

from phalanx_worker.artefacts.atomic import whole_folder
from phalanx_worker.artefacts.tensors import file_sha256, read_tensors, save_tensors
from phalanx_worker.errors import ArtefactError

NAME = re.compile(r"step-(\d{8})")
TENSOR_FILES = ("weights", "optimizer", "average", "scaler")
STATE_FILE = "state.json"


class CheckpointState(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What a checkpoint knows beside its tensors."""

    step: int
    """Optimizer steps done."""
    position: int
    """Data cursor: samples drawn since the start of the training."""
    seconds: float
    """Wall-clock time of all steps done."""
    loss: float | None
    """Of the last step; None when it was skipped."""
    config_sha256: str
    """Of everything that decides the result: settings, base, dataset."""
    files: dict[str, str]
    """SHA-256 of every tensor file, by name."""


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint."""

    path: Path
    state: CheckpointState
    tensors: Mapping[str, Mapping[str, Tensor]]
    """`weights`, `optimizer`, with a moving average `average`, and with float16 `scaler`."""


def write_checkpoint(
    folder: Path, state: CheckpointState, tensors: Mapping[str, Mapping[str, Tensor]], kept: int
) -> Path:
    """Write `folder`/step-00000100 whole or not at all, then remove all but the newest `kept`.

    `state.files` is filled in. Raises ArtefactError (`disk-full`); what was there before is unchanged then.
    """
    target = folder / f"step-{state.step:08d}"
    with whole_folder(target) as temporary:
        digests: dict[str, str] = {}
        for name, group in tensors.items():
            path = temporary / f"{name}.safetensors"
            save_tensors(path, group)
            digests[path.name] = file_sha256(path)
        full = msgspec.structs.replace(state, files=digests)
        (temporary / STATE_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(full), indent=2))
    for old in _folders(folder)[kept:]:
        # Under another name first, so that a half-removed folder is no checkpoint.
        removed = old.with_name(f".removed-{old.name}")
        old.rename(removed)
        shutil.rmtree(removed)
    return target


def newest_checkpoint(folder: Path, on_warning: Callable[[str], None]) -> Checkpoint | None:
    """The newest whole checkpoint; each broken one that is passed over is told to `on_warning`."""
    for path in _folders(folder):
        try:
            return _read(path)
        except (ArtefactError, OSError, msgspec.MsgspecError, json.JSONDecodeError) as error:
            on_warning(f"The checkpoint {path.name} is not whole and is passed over: {error}")
    return None


def checkpoint_step(path: Path) -> int:
    """The step in a checkpoint's name."""
    match = NAME.fullmatch(path.name)
    if match is None:
        raise ValueError(f"{path.name} is not a checkpoint's name")
    return int(match[1])


def _folders(folder: Path) -> list[Path]:
    found = [path for path in folder.iterdir() if NAME.fullmatch(path.name)] if folder.is_dir() else []
    return sorted(found, key=checkpoint_step, reverse=True)


def _read(path: Path) -> Checkpoint:
    state = msgspec.json.decode((path / STATE_FILE).read_bytes(), type=CheckpointState)
    if state.step != checkpoint_step(path):
        raise _foreign(path, f"it holds step {state.step}")
    tensors: dict[str, dict[str, Tensor]] = {}
    for name, digest in state.files.items():
        if name.removesuffix(".safetensors") not in TENSOR_FILES or not (path / name).is_file():
            raise _foreign(path, f"{name} is missing or unknown")
        if file_sha256(path / name) != digest:
            raise _foreign(path, f"{name} has other bytes than were written")
        tensors[name.removesuffix(".safetensors")] = read_tensors(path / name)
    if not {"weights", "optimizer"} <= tensors.keys():
        raise _foreign(path, "weights or optimizer state are missing")
    return Checkpoint(path, state, tensors)


def _foreign(path: Path, why: str) -> ArtefactError:
    return ArtefactError(f"{path}: {why}.", code="broken-checkpoint", facts={"path": str(path)})
