"""Trains the finger classifier on labelled images."""

from __future__ import annotations

import time
from pathlib import Path

from phalanx_worker.artefacts.tensors import file_sha256
from phalanx_worker.features.classifier_file import write_classifier
from phalanx_worker.features.network import create_network
from phalanx_worker.features.training import calibrate, split_items, train
from phalanx_worker.jobs.context import JobContext
from phalanx_worker.protocol.messages import StepEndEvent, TrainClassifierJob, TrainClassifierResult, WrittenFile
from phalanx_worker.training.data import PixelStore, image_files, read_dataset
from phalanx_worker.training.images import CoverCrop


def run(job: TrainClassifierJob, context: JobContext) -> TrainClassifierResult:
    """Train, calibrate on images that were never trained on, and write the file.

    Raises DatasetError (`no-labels`, and what reading the images raises), JobError (`loss-not-finite`), ArtefactError
    (`disk-full`), and JobCancelled between steps.
    """
    context.phase("loading")
    began = time.perf_counter()
    settings = job.settings
    items = read_dataset(job.dataset)
    trained, held = split_items(items)
    store = PixelStore(image_files(job.dataset.root, items, CoverCrop(settings.image_size, settings.image_size)))
    network = create_network(settings.channels, settings.seed)
    context.phase("stepping", settings.steps)
    losses: list[float] = []
    for step in train(network, store, trained, settings):
        losses.append(step.loss)
        context.emit(
            StepEndEvent(
                step=step.step,
                total=settings.steps,
                loss=step.loss,
                learning_rate=step.learning_rate,
                gradient_norm=step.gradient_norm,
                seconds=step.seconds,
                held_out_loss=None,
                on_mask_loss=None,
                off_mask_loss=None,
            ),
            (),
        )
        context.check_cancelled()
    context.phase("saving")
    temperature = calibrate(network, store, held, settings.batch_size)
    path = Path(job.output)
    write_classifier(path, network, settings, temperature, job.dataset.sha256)
    last = losses[-max(1, len(losses) // 10) :]
    return TrainClassifierResult(
        file=WrittenFile(path=str(path), sha256=file_sha256(path), bytes=path.stat().st_size),
        final_loss=sum(last) / len(last),
        seconds=time.perf_counter() - began,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
    )
