"""Small bases in the layout that other programs have in their code: that of the published ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from tests.small import ARCHITECTURES, make_base


def published_layout(folder: Path, family: str, **changes: Any) -> Path:
    """A small base of two layers a level, with 32 groups, whose SDXL has heads of the published width."""
    common: dict[str, Any] = {
        "image_size": 64,
        "autoencoder_channels": (32, 32, 32, 32),
        "unet_channels": (64, 128, 256) if family == "sdxl" else (32, 64, 64, 64),
        "unet_layers_per_block": 2,
        "unet_attention_heads": 1 if family == "sdxl" else 8,
        "norm_groups": 32,
        "text_width": 32,
    }
    make_base(folder, 1, msgspec.structs.replace(ARCHITECTURES[family], **(common | changes)))
    if family == "sdxl":
        config = folder / "unet/config.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), "attention_head_dim": [1, 2, 4]}))
    return folder
