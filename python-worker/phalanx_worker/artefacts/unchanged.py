"""Files that must stay what they are while several reads make one thing of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from phalanx_worker.errors import ArtefactError


@contextmanager
def unchanged(paths: Sequence[Path]) -> Iterator[None]:
    """Raises ArtefactError (`changed-file`) at the end of the block when a file became another one meanwhile.

    Also when the block itself failed: what half of one file and half of another is, is none of its errors.
    """
    before = {path: _fingerprint(path) for path in paths}

    def changed() -> ArtefactError | None:
        found = next((path for path, known in before.items() if _fingerprint(path) != known), None)
        return None if found is None else _changed(found)

    try:
        yield
    except Exception as error:
        told = changed()
        if told is None:
            raise
        raise told from error
    told = changed()
    if told is not None:
        raise told


def _fingerprint(path: Path) -> tuple[int, ...]:
    try:
        stat = path.stat()
    except OSError:
        return ()
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def _changed(path: Path) -> ArtefactError:
    return ArtefactError(
        f"{path} was changed while it was read. Wait until it is whole, and read it again.",
        code="changed-file",
        facts={"path": str(path)},
        retryable=True,
    )
