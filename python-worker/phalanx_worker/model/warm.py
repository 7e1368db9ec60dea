"""Bases that stay loaded from job to job."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.base import Base, base_tensors
from phalanx_worker.model.load import load_base
from phalanx_worker.model.single_file import load_single_file, single_file_parts

WARM_PREFIX = "base:"
MEMORY_BUDGET = 6 << 30
"""Bytes of weights of bases that are kept beside the one in use."""


def warm_base(warm: dict[str, Any], folder: Path, device: str) -> Base:
    """The base in a folder, or in a file, on a torch device, loaded at most once while its files stay as they are.

    The least recently used ones are dropped beyond the budget. Raises as `load_base` and
    `load_single_file`, and ConfigError (`device-unavailable`).
    """
    place = _device(device)
    key = WARM_PREFIX + _fingerprint(folder)
    base: Base | None = warm.pop(key, None)
    if base is None:
        base = load_single_file(folder) if folder.is_file() else load_base(folder)
        for part in base.parts.values():
            part.to(place)
    warm[key] = base
    _evict(warm, key)
    return base


def _device(name: str) -> torch.device:
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


def _evict(warm: dict[str, Any], current: str) -> None:
    # A dict keeps the order of insertion, and a base is inserted anew whenever it is used.
    keys = [key for key in warm if key.startswith(WARM_PREFIX)]
    total = sum(_bytes(warm[key]) for key in keys)
    for key in keys:
        if total <= MEMORY_BUDGET or key == current:
            return
        total -= _bytes(warm.pop(key))


def _bytes(base: Base) -> int:
    return sum(tensor.nbytes for tensor in base_tensors(base.parts).values())
