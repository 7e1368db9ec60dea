"""The true layouts of published bases, by family."""

from __future__ import annotations

from phalanx_worker.model.base import Base
from phalanx_worker.model.published import PUBLISHED, published_base

NAMES = {"sd-1": "sd-1.5", "sd-2": "sd-2.1", "sdxl": "sdxl-1.0"}
LAYOUTS = {family: PUBLISHED[name] for family, name in NAMES.items()}


def base_without_memory(family: str) -> Base:
    """A base with all layers of the published one, and no memory behind them."""
    return published_base(NAMES[family], ())
