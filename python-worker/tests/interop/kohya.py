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
    widths: dict[str, Any] = {}
    if family == "sdxl":
        # Its width of texts and of heads, and its depths, are in their code.
        widths = {"transformer_layers": (1, 2, 10), "text_width": 1024, "second_text_width": 1024, "text_heads": 16}
    return published_layout(folder, family, **widths)


def run_kohya(folder: Path, given: dict[str, Tensor], **request: Any) -> None:
    """Lets their side do a task in a folder."""
    run_side("kohya_side.py", HOME, PYTHON, folder, given, **request)
