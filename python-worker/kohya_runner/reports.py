"""What the SDK is told, and what it asks, while the checkout trains."""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any


class Reports:
    """Writes one JSON object per line to a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._stream = os.fdopen(descriptor, "w", encoding="utf-8", buffering=1)

    def send(self, kind: str, **facts: Any) -> None:
        """One report of the SDK's protocol."""
        self._stream.write(json.dumps({"type": kind, **facts}) + "\n")


class StopRequest:
    """Set when the SDK asks for a checkpoint and an end; the process ends at once when the SDK is gone."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    @property
    def asked(self) -> bool:
        """Whether to stop after the step that runs."""
        return self._asked.is_set()

    def listen(self) -> None:
        """Read standard input from a thread of its own."""
        threading.Thread(target=self._listen, name="stop-request", daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin:
            if line.strip() == "stop":
                self._asked.set()
        # The other end was closed, which its death does too.
        os._exit(1)
