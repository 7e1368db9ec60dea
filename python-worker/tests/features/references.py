"""Reference implementations of metrics that cannot be installed beside the worker: they want torchvision."""

from __future__ import annotations

import importlib
import os
import sys
import types
from pathlib import Path
from typing import Any

import pytest

FOLDER = os.environ.get("REFERENCE_METRICS", "")
REASON = (
    "REFERENCE_METRICS names no folder with the unpacked wheels of torch-fidelity and clean-fid "
    "(pip download --no-deps torch-fidelity==0.4.0 clean-fid==0.1.35)"
)
needs_references = pytest.mark.skipif(not FOLDER, reason=REASON)
PHOTOGRAPHS = os.environ.get("PHALANX_PHOTOGRAPHS", "")
"""The folder of photographs; pictures that are drawn take their place."""


def reference_module(package: str, name: str) -> Any:
    """A module of a reference package, without what its package imports beside it."""
    if package not in sys.modules:
        empty = types.ModuleType(package)
        empty.__path__ = [str(Path(FOLDER) / package)]
        sys.modules[package] = empty
    return importlib.import_module(f"{package}.{name}")
