"""Times steps of a script of sd-scripts, within its interpreter: `python kohya_steps.py REQUEST SCRIPT ARGUMENT...`.

The script runs as it is. Torch tells after each step of an optimizer, and then the clock is read.
"""

from __future__ import annotations

import json
import runpy
import statistics
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook


def main() -> None:
    request = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    if request["constants"]:
        from kohya_constants import set_constants  # type: ignore[import-not-found, unused-ignore]

        set_constants(Path(request["base"]), request["family"] == "sdxl")
    moments: list[float] = []

    def after_step(*_: Any) -> None:
        on_cuda = torch.cuda.is_available()
        if on_cuda:
            torch.cuda.synchronize()
        moments.append(time.perf_counter())
        if on_cuda and len(moments) == request["warmUp"]:
            torch.cuda.reset_peak_memory_stats()
        if len(moments) == request["warmUp"] + request["steps"]:
            counted = moments[request["warmUp"] - 1 :]
            seconds = statistics.median(later - former for former, later in pairwise(counted))
            peak = torch.cuda.max_memory_allocated() if on_cuda else None
            Path(request["result"]).write_text(json.dumps({"seconds": seconds, "peakBytes": peak}), "utf-8")

    register_optimizer_step_post_hook(after_step)
    sys.argv = sys.argv[2:]
    sys.path.insert(0, str(Path(sys.argv[0]).parent))
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
