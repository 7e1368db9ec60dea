"""Run as `python -m kohya_runner PLAN`. Exit code 0 with a `result` or `cancelled` report, 1 with a `failed` report."""

from __future__ import annotations

import importlib
import platform
import resource
import sys
import traceback
from contextlib import suppress
from importlib import metadata
from typing import Any

from kohya_runner.checkpoints import Checkpoints
from kohya_runner.comparison import WrittenDifferentlyError, compare
from kohya_runner.plan import Plan, read_plan
from kohya_runner.reports import Reports, StopRequest
from kohya_runner.series import Series
from kohya_runner.trainer import LossNotFiniteError, Stopped, Watcher, watched

PACKAGES = ("accelerate", "diffusers", "safetensors", "torch", "transformers")


def main() -> int:
    """Train as the plan says, and report how it ended."""
    plan = read_plan(sys.argv[1])
    reports = Reports(plan.report_descriptor)
    stop = StopRequest()
    stop.listen()
    try:
        _train(plan, reports, stop)
    except Stopped as stopped:
        checkpoint = None if stopped.checkpoint is None else str(stopped.checkpoint)
        reports.send("cancelled", checkpoint=checkpoint)
    except LossNotFiniteError as error:
        reports.send("failed", code="loss-not-finite", message=str(error), traceback="")
        return 1
    except WrittenDifferentlyError as error:
        reports.send("failed", code="written-differently", message=str(error), traceback="")
        return 1
    except BaseException as error:
        text = "".join(traceback.format_exception(error))
        reports.send("failed", code="python-exception", message=f"{type(error).__name__}: {error}", traceback=text)
        return 1
    return 0


def _train(plan: Plan, reports: Reports, stop: StopRequest) -> None:
    reports.send("phase-start", phase="loading", total=0)
    sys.path.insert(0, str(plan.home))
    module = importlib.import_module(plan.script)
    train_util = importlib.import_module("library.train_util")
    checkpoints = Checkpoints(plan.output / "checkpoints", plan.checkpoints_kept)
    found = checkpoints.newest() if plan.resumable else None
    done = 0 if found is None else found[0]
    parser: Any = module.setup_parser()
    arguments = list(plan.arguments)
    if found is not None:
        arguments += ["--resume", str(found[1]), "--skip_until_initial_step", "--initial_step", str(done)]
    args = parser.parse_args(arguments)
    train_util.verify_command_line_training_args(args)
    series = Series(plan.output / "series.jsonl", done)
    watcher = Watcher(plan, reports, stop, checkpoints, series)
    reports.send("phase-start", phase="stepping", total=args.max_train_steps)
    watched(getattr(module, plan.trainer), watcher)().train(args)
    path = plan.output / f"{args.output_name}.safetensors"
    if watcher.weights is not None:
        compare(path, watcher.weights())
    unit = 1 if sys.platform == "darwin" else 1024
    reports.send(
        "result",
        path=str(path),
        steps=args.max_train_steps,
        resumedFrom=done,
        skippedSteps=series.skipped,
        finalLoss=series.final_loss,
        seconds=series.seconds,
        peakMemoryBytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
        trainedParameters=watcher.parameters,
        device=watcher.device,
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


if __name__ == "__main__":
    sys.exit(main())
