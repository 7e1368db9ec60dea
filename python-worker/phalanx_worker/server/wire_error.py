"""Exceptions as data for the TypeScript side."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Sequence

from phalanx_worker.errors import LabError
from phalanx_worker.protocol.messages import ErrorCause, WireError


def wire_error(error: BaseException, log_lines: Sequence[str]) -> WireError:
    """`error` with its traceback, what it was raised from, and what was printed last."""
    known = error if isinstance(error, LabError) else None
    return WireError(
        place=known.place if known else "job",
        code=known.code if known else _code(error),
        message=_text(error),
        facts=known.facts if known else {},
        class_name=_class_name(error),
        traceback="".join(traceback.format_exception(error)),
        causes=_causes(error),
        log_lines=tuple(log_lines),
        retryable=known.retryable if known else isinstance(error, MemoryError | OSError),
    )


def _code(error: BaseException) -> str:
    # torch's error is known by its name, since this module must not import torch.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "out-of-memory"
    # The library for safetensors has an error of its own, which only its text tells.
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or "No space left on device" in str(error):
        return "disk-full"
    return "python-exception"


def _causes(error: BaseException) -> tuple[ErrorCause, ...]:
    causes: list[ErrorCause] = []
    seen = {id(error)}
    current = error
    while True:
        following = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
        if following is None or id(following) in seen:
            return tuple(causes)
        seen.add(id(following))
        causes.append(ErrorCause(class_name=_class_name(following), message=_text(following)))
        current = following


def _class_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _text(error: BaseException) -> str:
    # A message may hold file names that were not UTF-8; msgpack strings must be.
    return (str(error) or _class_name(error)).encode("utf-8", "replace").decode("utf-8")
