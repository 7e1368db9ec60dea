"""A folder that one job at a time writes to."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from phalanx_worker.errors import ArtefactError


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Hold a folder, made if need be, until the block or the process ends.

    Raises ArtefactError (`folder-in-use`) when another job holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("wb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ArtefactError(
                f"Another job writes to {folder}. Wait for it or choose another folder.",
                code="folder-in-use",
                facts={"folder": str(folder)},
                retryable=True,
            ) from error
        yield
