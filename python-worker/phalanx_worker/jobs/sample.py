"""Draws images from a base and adapters."""

from __future__ import annotations

import time
from pathlib import Path

from phalanx_worker.jobs.context import JobContext
from phalanx_worker.jobs.training_run import peak_memory
from phalanx_worker.model.adapters import applied
from phalanx_worker.model.warm import warm_base, warm_control_net
from phalanx_worker.protocol.messages import ImageEndEvent, ProgressEvent, SampleJob, SampleResult
from phalanx_worker.sampling.controls import ControlInUse
from phalanx_worker.sampling.draw import Pixels, draw, predictions


def run(job: SampleJob, context: JobContext) -> SampleResult:
    """Every image is sent as soon as its batch is done.

    Raises what loading the base, `applied` and `draw` raise, and JobCancelled between denoising steps.
    """
    context.phase("loading")
    base = warm_base(context.warm, Path(job.base), context.device)
    began = time.perf_counter()

    def on_image(index: int, pixels: Pixels) -> None:
        request = job.requests[index]
        event = ImageEndEvent(
            index=index,
            step=None,
            prompt=request.prompt,
            seed=request.seed,
            width=pixels.shape[1],
            height=pixels.shape[0],
            blob=0,
        )
        context.emit(event, (pixels,))

    def on_step(done: int, total: int) -> None:
        context.emit(ProgressEvent(done=done, total=total), ())
        context.check_cancelled()

    controls = [
        ControlInUse(warm_control_net(context.warm, Path(reference.file), base), reference)
        for reference in job.controls
    ]
    with applied(base, job.adapters) as changed:
        context.phase("sampling", predictions(changed, job.requests, job.sampling))
        drawn = draw(changed, job.requests, job.sampling, on_image, on_step, controls)
    return SampleResult(
        images=len(job.requests),
        seconds=time.perf_counter() - began,
        peak_memory_bytes=peak_memory(base.device),
        truncated_tokens=drawn.truncated_tokens,
    )
