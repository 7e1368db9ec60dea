"""Judges images with a finger classifier."""

from __future__ import annotations

import time
from pathlib import Path

from phalanx_worker.features.classifier_file import read_classifier
from phalanx_worker.features.judging import judge
from phalanx_worker.jobs.context import JobContext
from phalanx_worker.protocol.messages import ClassifyJob, ClassifyResult, ProgressEvent


def run(job: ClassifyJob, context: JobContext) -> ClassifyResult:
    """Raises what `read_classifier` and `judge` raise, and JobCancelled between batches."""
    context.phase("loading")
    classifier = read_classifier(Path(job.classifier))
    began = time.perf_counter()

    def on_batch(done: int) -> None:
        context.emit(ProgressEvent(done=done, total=len(job.files)), ())
        context.check_cancelled()

    context.phase("sampling", len(job.files))
    judgements = judge(classifier, [Path(file) for file in job.files], job.batch_size, on_batch)
    return ClassifyResult(judgements=tuple(judgements), seconds=time.perf_counter() - began)
