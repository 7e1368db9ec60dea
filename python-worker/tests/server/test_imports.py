"""The worker answers before torch is there, so the server must not import it."""

from __future__ import annotations

import subprocess
import sys


def test_the_server_imports_no_torch() -> None:
    unwanted = ("torch", "diffusers", "numpy")
    program = f"import sys, phalanx_worker.server.serve; print([m for m in {unwanted} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
