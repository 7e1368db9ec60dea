"""Another program's half of an exchange, in a process and an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor


def run_side(script: str, home: str, python: str, folder: Path, given: dict[str, Tensor], **request: Any) -> None:
    """Lets a script beside this file do a task in a folder; what it prints is shown when it fails."""
    save_file(given, folder / "given.safetensors")
    (folder / "request.json").write_text(json.dumps({**request, "folder": str(folder), "home": home}))
    environment = {**os.environ, "PYTHONPATH": home, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    done = subprocess.run(
        [python, str(Path(__file__).with_name(script)), str(folder / "request.json")],
        cwd=home, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]


def result_of(folder: Path, name: str) -> dict[str, Tensor]:
    return load_file(folder / f"{name}.safetensors")


def largest_difference(one: Tensor, other: Tensor) -> float:
    """Relative to the largest number of the other."""
    return float((one - other).abs().max() / other.abs().max())
