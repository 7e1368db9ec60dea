"""A checkout of sd-scripts to exchange files with, where there is one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from tests.interop.published_layout import published_layout
from tests.interop.side import run_side

HOME, PYTHON = os.environ.get("KOHYA_HOME", ""), os.environ.get("KOHYA_PYTHON", "")
REASON = "KOHYA_HOME names no checkout of sd-scripts, or KOHYA_PYTHON no interpreter with its requirements"
needs_kohya = pytest.mark.skipif(not (HOME and PYTHON), reason=REASON)


def kohya_base(folder: Path, family: str) -> Path:
    """A small base whose models theirs can be."""
    changes: dict[str, Any] = {}
    if family == "sdxl":
        # The width of both texts together, the layer that it takes of the first and its depths are in their code.
        changes = {"text_width": 256, "second_text_width": 1792, "text_heads": 16, "text_layers": 12}
        changes["transformer_layers"] = (1, 2, 10)
    return published_layout(folder, family, **changes)


def run_kohya(folder: Path, given: dict[str, Tensor], **request: Any) -> None:
    """Lets their side do a task in a folder."""
    run_side("kohya_side.py", HOME, PYTHON, folder, given, **request)
