"""Bases that stay loaded from job to job."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.base import Base, base_tensors
from phalanx_worker.model.control_net import ControlNet, read_control_net
from phalanx_worker.model.load import load_base
from phalanx_worker.model.single_file import load_single_file, single_file_parts

WARM_PREFIX = "base:"
CONTROL_PREFIX = "control-net:"
MEMORY_BUDGET = 6 << 30
"""Bytes of weights of one kind that are kept beside those in use."""
Model = TypeVar("Model")


def warm_base(warm: dict[str, Any], folder: Path, device: str) -> Base:
    """The base in a folder, or in a file, on a torch device, loaded at most once while its files stay as they are.

    The least recently used ones are dropped beyond the budget. Raises as `load_base` and
    `load_single_file`, and ConfigError (`device-unavailable`).
    """
    place = torch_device(device)
    key = WARM_PREFIX + _fingerprint(folder)
    base: Base | None = warm.pop(key, None)
    if base is None:
        base = load_single_file(folder) if folder.is_file() else load_base(folder)
        for part in base.parts.values():
            part.to(place)
    return _kept(warm, WARM_PREFIX, key, base, _bytes)


def warm_control_net(warm: dict[str, Any], path: Path, base: Base) -> ControlNet:
    """The ControlNet at `path` for a base, loaded at most once while its files stay as they are.

    Raises as `read_control_net`.
    """
    key = f"{CONTROL_PREFIX}{base.sha256}:{_fingerprint(path)}"
    found: ControlNet | None = warm.pop(key, None)
    net = found or read_control_net(path, base)
    return _kept(warm, CONTROL_PREFIX, key, net, lambda one: sum(item.nbytes for item in one.module.parameters()))


def torch_device(name: str) -> torch.device:
    """The device of a name. Raises ConfigError (`device-unavailable`) for one that cannot be used."""
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, ImportError, NotImplementedError) as error:
        raise ConfigError(
            f"The device {name!r} cannot be used: {str(error).splitlines()[0]} Choose another one, such as 'cpu'.",
            code="device-unavailable",
            facts={"device": name},
        ) from error
    return device


def _fingerprint(folder: Path) -> str:
    whole = folder.resolve()
    files = single_file_parts(whole) if whole.is_file() else sorted(path for path in whole.rglob("*") if path.is_file())
    digest = hashlib.sha256(str(folder.resolve()).encode())
    for path in files:
        stat = path.stat()
        digest.update(f"\0{path}\0{stat.st_size}\0{stat.st_mtime_ns}\0{stat.st_ino}".encode())
    return digest.hexdigest()


def _kept(warm: dict[str, Any], prefix: str, key: str, model: Model, size: Callable[[Model], int]) -> Model:
    warm[key] = model
    # A dict keeps the order of insertion, and a model is inserted anew whenever it is used.
    keys = [other for other in warm if other.startswith(prefix)]
    total = sum(size(warm[other]) for other in keys)
    for other in keys:
        if total <= MEMORY_BUDGET or other == key:
            break
        total -= size(warm.pop(other))
    return model


def _bytes(base: Base) -> int:
    return sum(tensor.nbytes for tensor in base_tensors(base.parts).values())
