"""Compares the file that the checkout wrote with what was to be in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open


class WrittenDifferentlyError(Exception):
    """The file does not hold what was trained."""


def compare(path: Path, weights: Mapping[str, Any]) -> None:
    """Raises WrittenDifferentlyError with the first tensor that is not bit by bit in the file, or not wanted there."""
    with safe_open(str(path), "np") as stored:
        differing = sorted(weights.keys() ^ set(stored.keys())) or [
            name
            for name, tensor in weights.items()
            # It is told to write float32; a whole alpha is an integer in its memory.
            if stored.get_tensor(name).tobytes() != tensor.detach().cpu().float().numpy().tobytes()
        ]
    if differing:
        raise WrittenDifferentlyError(f"{path} does not hold what was trained: {differing[0]} differs.")
