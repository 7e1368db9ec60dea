"""Trains a technique on a base."""

from __future__ import annotations

from pathlib import Path

from phalanx_worker.artefacts.lock import locked_folder
from phalanx_worker.jobs.context import JobContext
from phalanx_worker.jobs.training_feed import read_subsets
from phalanx_worker.jobs.training_result import config_sha256, finished_result, result_folder, write_result
from phalanx_worker.jobs.training_run import TrainingRun
from phalanx_worker.model.terminal_snr import with_zero_terminal_snr
from phalanx_worker.model.text import read_as
from phalanx_worker.model.warm import warm_base
from phalanx_worker.protocol.messages import LogEvent, TrainJob, TrainResult
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.registry import create_technique


def run(job: TrainJob, context: JobContext) -> TrainResult:
    """Train from the newest whole checkpoint in the output folder, or from the start.

    A finished training of the same config is returned at once. Raises JobError (`loss-not-finite`), ArtefactError
    (`config-changed`, `beyond-pause`, `folder-in-use`, `disk-full`), ConfigError (`zero-snr-epsilon`,
    `clip-skip-too-large`), what loading the base, reading the images and `embed_texts` raise, and JobCancelled with
    the path of a checkpoint.
    """
    output = Path(job.output)
    with locked_folder(output):
        context.phase("loading")
        base = warm_base(context.warm, Path(job.base), context.device)
        config = config_sha256(job, base.sha256)
        finished = finished_result(result_folder(job), config)
        if finished is not None:
            return finished
        base = read_as(base, job.settings.text)
        if job.settings.objective.zero_terminal_snr:
            base = with_zero_terminal_snr(base)
        subsets = read_subsets(job.subsets)
        technique = create_technique(job.settings)
        streams = Streams(job.settings.seed)
        try:
            technique.attach(base, streams)
            for remark in technique.remarks():
                context.emit(LogEvent(stream="warning", text=remark, dropped=0), ())
            training = TrainingRun(job, context, base, technique, streams, subsets, config)
            result = training.finish()
        finally:
            technique.detach()
        write_result(result_folder(job), config, result)
        return result
