"""Files and folders that appear under their name only when they are whole."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from phalanx_worker.errors import ArtefactError

TEMPORARY_PREFIX = ".incomplete-"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def flush(path: Path) -> None:
    """Make sure that a file's or folder's content has reached the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A temporary folder beside `target` that takes its name when the block ends, and vanishes when it raises.

    An existing `target` is replaced. Raises ArtefactError (`disk-full`) when there is no room.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f"{TEMPORARY_PREFIX}{target.name}"
    shutil.rmtree(temporary, ignore_errors=True)
    with _explained(target):
        try:
            temporary.mkdir()
            yield temporary
            for path in sorted(temporary.rglob("*")):
                flush(path)
            flush(temporary)
            if target.exists():
                replaced = target.parent / f"{TEMPORARY_PREFIX}replaced-{target.name}"
                shutil.rmtree(replaced, ignore_errors=True)
                target.rename(replaced)
                temporary.rename(target)
                shutil.rmtree(replaced)
            else:
                temporary.rename(target)
            flush(target.parent)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A temporary path beside `target` that takes its name when the block ends, and vanishes when it raises.

    Raises ArtefactError (`disk-full`) when there is no room.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f"{TEMPORARY_PREFIX}{target.name}"
    with _explained(target):
        try:
            yield temporary
            flush(temporary)
            temporary.replace(target)
            flush(target.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if not disk_is_full(error):
            raise
        raise ArtefactError(
            f"The disk is full, or a limit on files is reached: {target} could not be written. "
            "What was there before is unchanged; free some space and start the job again.",
            code="disk-full",
            facts={"path": str(target)},
            retryable=True,
        ) from error


def disk_is_full(error: BaseException) -> bool:
    """Whether an error, also one of the safetensors library, says that no space is left or allowed."""
    if isinstance(error, OSError):
        return error.errno in NO_ROOM
    return type(error).__name__ == "SafetensorError" and any(os.strerror(number) in str(error) for number in NO_ROOM)
