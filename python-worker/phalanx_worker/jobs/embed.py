"""Writes the features of images or texts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from phalanx_worker.artefacts.tensors import file_sha256, write_tensors
from phalanx_worker.errors import ConfigError, JobError
from phalanx_worker.features.extractor import Extractor
from phalanx_worker.features.open_extractor import warm_extractor
from phalanx_worker.jobs.context import JobContext
from phalanx_worker.protocol.messages import EmbedJob, EmbedResult, ProgressEvent, WrittenFile
from phalanx_worker.training.images import read_image, whole_image

FEATURES = "features"


def run(job: EmbedJob, context: JobContext) -> EmbedResult:
    """The batch size changes speed alone, up to the order in which numbers are summed.

    Raises ConfigError (`nothing-to-embed`, `no-text-features`, `text-too-long`), JobError (`feature-not-finite`), what
    `warm_extractor` and `read_image` raise, ArtefactError (`disk-full`), and JobCancelled between batches.
    """
    if bool(job.files) == bool(job.texts):
        raise ConfigError(
            f"An embedding has either images or texts, and this one has {len(job.files)} and {len(job.texts)}.",
            code="nothing-to-embed",
            facts={"images": len(job.files), "texts": len(job.texts)},
        )
    context.phase("loading")
    extractor = warm_extractor(context.warm, job.extractor, context.device)
    began = time.perf_counter()
    names = job.files or job.texts
    context.phase("sampling", len(names))
    rows: list[Tensor] = []
    for batch in _batches(job, extractor):
        rows.extend(batch.float().cpu())
        _require_finite(batch, names[len(rows) - len(batch) : len(rows)])
        context.emit(ProgressEvent(done=len(rows), total=len(names)), ())
        context.check_cancelled()
    context.phase("saving")
    path = Path(job.output)
    write_tensors(path, {FEATURES: torch.stack(rows)})
    return EmbedResult(
        file=WrittenFile(path=str(path), sha256=file_sha256(path), bytes=path.stat().st_size),
        width=extractor.width,
        logit_scale=extractor.logit_scale,
        seconds=time.perf_counter() - began,
    )


def _batches(job: EmbedJob, extractor: Extractor) -> Iterator[Tensor]:
    for start in range(0, len(job.texts), job.batch_size):
        yield extractor.embed_texts(job.texts[start : start + job.batch_size])
    for start in range(0, len(job.files), job.batch_size):
        files = job.files[start : start + job.batch_size]
        yield extractor.embed(torch.stack([extractor.prepare(read_image(Path(file), whole_image)) for file in files]))


def _require_finite(batch: Tensor, names: tuple[str, ...]) -> None:
    finite = batch.isfinite().all(dim=1).tolist()
    for name, whole in zip(names, finite, strict=True):
        if not whole:
            raise JobError(
                f"The features of {name} are no finite numbers. The weights may be damaged: fetch them again.",
                code="feature-not-finite",
                facts={"input": name},
            )
