"""A checkout of sd-scripts to exchange files with, where there is one."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.small import ARCHITECTURES, make_base

HOME, PYTHON = os.environ.get("KOHYA_HOME", ""), os.environ.get("KOHYA_PYTHON", "")
REASON = "KOHYA_HOME names no checkout of sd-scripts, or KOHYA_PYTHON no interpreter with its requirements"
needs_kohya = pytest.mark.skipif(not (HOME and PYTHON), reason=REASON)
SIDE = Path(__file__).with_name("kohya_side.py")


def kohya_base(folder: Path, family: str) -> Path:
    """A small base whose UNet theirs can be: four levels of two layers with 32 groups, as their code has it."""
    common: dict[str, Any] = {
        "image_size": 64,
        "autoencoder_channels": (32, 32, 32, 32),
        "unet_channels": (32, 64, 64, 64),
        "unet_layers_per_block": 2,
        "unet_attention_heads": 8,
        "norm_groups": 32,
        "text_width": 32,
    }
    if family == "sdxl":
        # Its width of texts and of heads, and its depths, are in their code too.
        common |= {"unet_channels": (64, 128, 256), "transformer_layers": (1, 2, 10), "unet_attention_heads": 1}
        common |= {"text_width": 1024, "second_text_width": 1024, "text_heads": 16}
    make_base(folder, 1, msgspec.structs.replace(ARCHITECTURES[family], **common))
    if family == "sdxl":
        config = folder / "unet/config.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), "attention_head_dim": [1, 2, 4]}))
    return folder


def run_kohya(folder: Path, given: dict[str, Tensor], **request: Any) -> None:
    """Lets their side do a task in a folder; what it prints is shown when it fails."""
    save_file(given, folder / "given.safetensors")
    (folder / "request.json").write_text(json.dumps({**request, "folder": str(folder)}))
    environment = {**os.environ, "PYTHONPATH": HOME, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    done = subprocess.run(
        [PYTHON, str(SIDE), str(folder / "request.json")],
        cwd=HOME, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]


def result_of(folder: Path, name: str) -> dict[str, Tensor]:
    return load_file(folder / f"{name}.safetensors")


def largest_difference(one: Tensor, other: Tensor) -> float:
    """Relative to the largest number of the other."""
    return float((one - other).abs().max() / other.abs().max())
