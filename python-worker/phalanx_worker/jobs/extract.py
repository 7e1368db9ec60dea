"""Writes what two bases of one family differ in as a low-rank file."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from phalanx_worker.errors import ArtefactError
from phalanx_worker.jobs.context import JobContext
from phalanx_worker.model.base import Base, base_tensors
from phalanx_worker.model.low_rank_difference import ChangedLayer
from phalanx_worker.model.module_names import Part, named_layers
from phalanx_worker.model.warm import warm_base
from phalanx_worker.protocol.messages import ExtractJob, ExtractResult, LeftOut, LogEvent, ProgressEvent, WrittenFile
from phalanx_worker.techniques.extracted_file import write_extracted
from phalanx_worker.techniques.kohya_metadata import base_metadata

PARTS: tuple[Part, ...] = ("text-encoder", "unet")


def run(job: ExtractJob, context: JobContext) -> ExtractResult:
    """Compare layer by layer, and write the file. The base plus the file is the tuned base, as nearly as it fits.

    Raises ArtefactError (`family-mismatch`, `prediction-mismatch`, `layout-mismatch`), what loading the bases raises,
    and what `write_extracted` raises.
    """
    context.phase("loading")
    base, tuned = (warm_base(context.warm, Path(path), context.device) for path in (job.base, job.tuned))
    _refuse_strangers(base, tuned)
    layers = [
        ChangedLayer(before.name, before.layer.weight, after.layer.weight)
        for part in PARTS
        for before, after in zip(named_layers(base, part), named_layers(tuned, part), strict=True)
    ]
    left_out = _left_out(base, tuned, layers)
    if left_out.tensors > 0:
        _warn(
            context,
            f"{left_out.tensors} differing tensors that no low-rank file can hold are left out (biases, norms, "
            f"embeddings, the autoencoder): {100 * left_out.share:.2g}% of the whole squared difference.",
        )
    path = Path(job.output)
    metadata = {
        **base_metadata(base, path.stem),
        "phalanx.base_sha256": base.sha256,
        "phalanx.tuned_sha256": tuned.sha256,
    }
    context.phase("saving", len(layers))

    def progress(done: int, total: int) -> None:
        context.emit(ProgressEvent(done=done, total=total), ())
        context.check_cancelled()

    written = write_extracted(path, layers, job.size, job.weights, metadata, progress)
    approximation = written.approximation
    assert approximation is not None
    if approximation.cut_layers > 0:
        _warn(
            context,
            f"The rank is larger than a dimension of {approximation.cut_layers} layers; they are stored with their "
            "dimension as rank, which holds their whole difference.",
        )
    file = WrittenFile(path=str(path), sha256=written.sha256, bytes=written.bytes)
    return ExtractResult(file=file, approximation=approximation, left_out=left_out)


def _refuse_strangers(base: Base, tuned: Base) -> None:
    facts = {"base": str(base.folder), "tuned": str(tuned.folder)}
    if base.family != tuned.family:
        raise ArtefactError(
            f"{tuned.folder} is of the family {tuned.family}, and the base {base.folder} is of the family "
            f"{base.family}. Extract from two bases of one family.",
            code="family-mismatch",
            facts={**facts, "family": tuned.family, "base_family": base.family},
        )
    predictions = (base.noise_schedule.prediction, tuned.noise_schedule.prediction)
    if predictions[0] != predictions[1]:
        raise ArtefactError(
            f"{tuned.folder} predicts {predictions[1]}, and the base {base.folder} predicts {predictions[0]}: no "
            "adapter makes the one from the other. Extract from two bases that predict the same.",
            code="prediction-mismatch",
            facts={**facts, "prediction": predictions[1], "base_prediction": predictions[0]},
        )
    mine, others = base_tensors(base.parts), base_tensors(tuned.parts)
    unlike = sorted(
        name
        for name in mine.keys() | others.keys()
        if name not in mine or name not in others or mine[name].shape != others[name].shape
    )
    if unlike:
        raise ArtefactError(
            f"{tuned.folder} and the base {base.folder} have other layers, such as {unlike[0]} ({len(unlike)} in all). "
            "Extract from two bases of the same architecture.",
            code="layout-mismatch",
            facts={**facts, "tensor": unlike[0], "tensors": len(unlike)},
        )


def _left_out(base: Base, tuned: Base, layers: list[ChangedLayer]) -> LeftOut:
    held = {layer.before.data_ptr() for layer in layers}
    mine, others = base_tensors(base.parts), base_tensors(tuned.parts)
    differing = [name for name, tensor in mine.items() if not torch.equal(tensor, others[name])]
    squares = {name: _square_sum(others[name] - mine[name]) for name in differing}
    outside = [name for name in differing if mine[name].data_ptr() not in held]
    total = sum(squares.values())
    return LeftOut(tensors=len(outside), share=sum(squares[name] for name in outside) / total if total > 0 else 0.0)


def _square_sum(tensor: Tensor) -> float:
    return float(tensor.double().square().sum())


def _warn(context: JobContext, text: str) -> None:
    context.emit(LogEvent(stream="warning", text=text, dropped=0), ())
