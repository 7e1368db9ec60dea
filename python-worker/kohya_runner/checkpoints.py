"""States of the checkout's trainer in folders that appear whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

PREFIX = "step-"


class Checkpoints:
    """The newest few of a training's checkpoints."""

    def __init__(self, folder: Path, kept: int) -> None:
        self._folder = folder
        self._kept = kept

    def newest(self) -> tuple[int, Path] | None:
        """Optimizer steps done and folder of the newest whole one."""
        whole = self._whole()
        return (int(whole[-1].name.removeprefix(PREFIX)), whole[-1]) if whole else None

    def write(self, step: int, save: Callable[[str], object]) -> Path:
        """Let `save` fill a folder, give it its name, and remove those beyond the number kept."""
        path = self._folder / f"{PREFIX}{step:08d}"
        if path.exists():
            return path
        partial = self._folder / f".{path.name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        save(str(partial))
        partial.replace(path)
        for old in self._whole()[: -self._kept]:
            shutil.rmtree(old, ignore_errors=True)
        return path

    def _whole(self) -> list[Path]:
        return sorted(self._folder.glob(f"{PREFIX}*"))
