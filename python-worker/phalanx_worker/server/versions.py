"""Versions of what the worker runs on, read without importing it."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("torch", "diffusers", "transformers", "safetensors", "tokenizers", "numpy", "pyzmq", "msgspec")


def versions() -> dict[str, str]:
    """Version by package; packages that are not installed are left out."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
