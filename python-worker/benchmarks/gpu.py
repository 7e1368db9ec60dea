"""Steps per second and peak memory of every technique in bfloat16: this worker, diffusers' scripts and sd-scripts.

Bases have random weights in the shapes of SD 1.5 and SDXL. Prints one JSON object; progress goes to standard error.
Run from the worker's folder: python -m benchmarks.gpu [--device cuda] [--size published] [--family sd-1 ...]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu_base import NAMES, SIZES, Family, Size, random_base
from benchmarks.gpu_kohya import HOME, PYTHON, REASON, prepare, their_steps
from benchmarks.gpu_ours import TECHNIQUES, inputs_for, our_step
from benchmarks.gpu_plain import plain_step
from benchmarks.measured import Measured, free_memory, measure_steps
from phalanx_worker.errors import ConfigError
from phalanx_worker.training.precision import check_precision

SIDES = {"ours": our_step, "diffusers": plain_step}


def measure(device: torch.device, size: Size, families: Sequence[Family]) -> Iterator[dict[str, Any]]:
    """A row for each family, technique and side; a side that fails has its error in place of numbers."""
    for family in families:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            if HOME and PYTHON:
                prepare(family, size, folder, device)
                free_memory(device)
            for technique in TECHNIQUES[device.type == "cuda"]:
                row = {"family": family, "technique": technique}
                for side in SIDES:
                    yield row | {"side": side} | _told(_in_process(side, family, technique, size, folder, device))
                    free_memory(device)
                if HOME and PYTHON:
                    yield row | {"side": "sd-scripts"} | _told(their_steps(folder, family, technique, size))


def _in_process(
    side: str, family: Family, technique: str, size: Size, folder: Path, device: torch.device
) -> Measured | str:
    try:
        base = random_base(family, size, folder / "small", device)
        with SIDES[side](base, technique, size, inputs_for(base, size.batch)) as step:
            return measure_steps(step, device, size.warm_up, size.steps)
    except torch.cuda.OutOfMemoryError:
        return "does not fit in the memory of the device"


def _told(found: Measured | str) -> dict[str, Any]:
    if isinstance(found, str):
        return {"stepsPerSecond": None, "peakBytes": None, "error": found}
    return {"stepsPerSecond": 1 / found.seconds, "peakBytes": found.peak_bytes, "error": None}


def checked_device(name: str) -> torch.device:
    """Raises ConfigError: `device-unavailable`, `precision-unsupported`."""
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "There is no CUDA device here, or this torch was built without CUDA. Run the benchmark on a machine that "
            "has one, with a torch for it.",
            code="device-unavailable",
            facts={"device": name},
        )
    check_precision(device, "bfloat16")
    return device


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", choices=SIZES, default="published")
    parser.add_argument("--family", choices=NAMES, nargs="+", default=list(NAMES))
    chosen = parser.parse_args()
    try:
        device = checked_device(chosen.device)
    except ConfigError as error:
        print(json.dumps({"benchmark": "gpu", "error": {"code": error.code, "message": str(error)}}))
        return 1
    rows = []
    for row in measure(device, SIZES[chosen.size], chosen.family):
        print(json.dumps(row), file=sys.stderr, flush=True)
        rows.append(row)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    missing = None if HOME and PYTHON else REASON
    print(
        json.dumps({"benchmark": "gpu", "device": name, "torch": torch.__version__, "missing": missing, "rows": rows})
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
