"""Patterns over the paths of layers and weights."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.module_names import NamedLayer

NEAREST = 3
"""How many paths an error names."""


def full_path(layer: NamedLayer) -> str:
    """What patterns are matched with: `unet.mid_block.resnets.0.conv1`."""
    return f"{layer.module}.{layer.path}"


def matching(pattern: str, paths: Sequence[str]) -> list[str]:
    """The paths that match from end to end: `*` stands for any characters, `/.../` is a regular expression.

    Raises ConfigError: `broken-pattern` (no regular expression), `unmatched-pattern` (with the nearest paths).
    """
    expression = _compiled(pattern)
    found = [path for path in paths if expression.fullmatch(path)]
    if found:
        return found
    nearest = _nearest(pattern, paths)
    raise ConfigError(
        f"The pattern {pattern!r} matches nothing in the chosen parts. The nearest are {', '.join(nearest)}. "
        "Patterns match whole paths; * stands for any characters.",
        code="unmatched-pattern",
        facts={"pattern": pattern, "nearest": ", ".join(nearest)},
    )


def _compiled(pattern: str) -> re.Pattern[str]:
    if len(pattern) < 2 or not (pattern.startswith("/") and pattern.endswith("/")):
        return re.compile(".*".join(map(re.escape, pattern.split("*"))))
    try:
        return re.compile(pattern[1:-1])
    except re.error as error:
        raise ConfigError(
            f"The pattern {pattern!r} is no regular expression: {error}. Mend it, or leave the slashes out.",
            code="broken-pattern",
            facts={"pattern": pattern, "reason": str(error)},
        ) from error


def _nearest(pattern: str, paths: Sequence[str]) -> list[str]:
    plain = re.sub(r"[^\w.]", "", pattern).strip(".")
    exact = difflib.get_close_matches(plain, paths, NEAREST, 0.6)
    # A pattern is often shorter than what it is meant for, which makes all whole paths far.
    return exact or sorted(paths, key=lambda path: -_shared(plain, path))[:NEAREST]


def _shared(plain: str, path: str) -> int:
    blocks = difflib.SequenceMatcher(None, plain, path, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks if block.size > 1)
