"""One training on its way: caches, steps, checkpoints, previews, export."""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from phalanx_worker.artefacts.checkpoint import CheckpointState, newest_checkpoint, write_checkpoint
from phalanx_worker.artefacts.series import SeriesLine, SeriesWriter, final_loss, read_series
from phalanx_worker.errors import JobError
from phalanx_worker.jobs.context import JobContext
from phalanx_worker.jobs.forward_passes import training_passes
from phalanx_worker.jobs.previews import draw_previews
from phalanx_worker.jobs.training_feed import FeedMaker, SubsetItems, read_held_out
from phalanx_worker.jobs.training_result import beyond_pause, config_changed, result_folder
from phalanx_worker.lanes import Lanes
from phalanx_worker.model.base import Base
from phalanx_worker.model.text import read_texts
from phalanx_worker.protocol.messages import (
    CheckpointEndEvent,
    LogEvent,
    ProgressEvent,
    StepEndEvent,
    StepSkipEvent,
    TrainJob,
    TrainResult,
)
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.technique import ExportRequest, Technique, WrittenArtefact, named_parameters
from phalanx_worker.training.captions import between
from phalanx_worker.training.data import PixelStore
from phalanx_worker.training.feed import Feed
from phalanx_worker.training.held_out import BestStep, BestWeights, held_out_loss
from phalanx_worker.training.latents import LatentCache, LatentKey, Posterior
from phalanx_worker.training.loop import Step, TrainingState, new_state, train
from phalanx_worker.training.precision import check_precision

LATENTS_KEY = "latents"
SERIES_FILE = "series.jsonl"
BEST_FILE = "best.safetensors"
CHECKPOINT_FOLDER = "checkpoints"


class TrainingRun:
    """Drives the loop of an attached technique and writes what it yields."""

    def __init__(
        self,
        job: TrainJob,
        context: JobContext,
        base: Base,
        technique: Technique,
        streams: Streams,
        subsets: tuple[SubsetItems, ...],
        config: str,
    ) -> None:
        self._job = job
        self._context = context
        self._base = base
        self._technique = technique
        self._subsets = subsets
        self._feeds = FeedMaker(base, technique, job.settings, streams, job.buckets, self._latents)
        self._held_out: Feed | None = None
        self._best = BestWeights(Path(job.output) / BEST_FILE)
        self._config = config
        self._output = Path(job.output)
        self._checkpoint: Path | None = None

    def finish(self) -> TrainResult:
        """Take all steps that are left, then export."""
        settings = self._job.settings
        check_precision(self._base.device, settings.precision)
        state = new_state(self._technique, settings)
        resumed_from = self._resume(state)
        feed = self._feeds.make(self._subsets)
        if self._job.held_out is not None:
            held_out = read_held_out(self._job.held_out.dataset, self._job.subsets)
            self._held_out = self._feeds.make([held_out], first=len(self._subsets))
        series_path = self._output / SERIES_FILE
        with SeriesWriter(series_path, resumed_from) as series, training_passes(self._technique, settings):
            self._context.phase("stepping", settings.steps)
            if not self._is_over(state.step) and state.step != self._job.pause_after:
                self._take_steps(feed, state, series)
        series_lines = read_series(series_path)
        self._context.phase("saving")
        exported = self._exported_step(state)
        artefact = self._export(feed, state)
        return TrainResult(
            path=str(artefact.path),
            sha256=artefact.sha256,
            bytes=artefact.bytes,
            kind=artefact.kind,
            approximation=artefact.approximation,
            steps=state.step,
            resumed_from=resumed_from,
            final_loss=final_loss(series_lines),
            exported_step=exported,
            skipped_steps=0 if state.scaler is None else state.scaler.skipped,
            held_out_loss=series_lines[exported - 1].held_out_loss,
            seconds=state.seconds,
            peak_memory_bytes=peak_memory(self._base.device),
            trained_parameters=sum(item.numel() for item in named_parameters(self._technique).values()),
            series=str(series_path),
            truncated_captions=self._truncated_captions(),
        )

    def _resume(self, state: TrainingState) -> int:
        found = newest_checkpoint(self._output / CHECKPOINT_FOLDER, self._warn)
        if found is None:
            return 0
        if found.state.config_sha256 != self._config:
            raise config_changed(self._output)
        if self._job.pause_after is not None and found.state.step > self._job.pause_after:
            raise beyond_pause(self._output, found.state.step, self._job.pause_after)
        self._technique.load_state(found.tensors["weights"])
        state.optimizer.load_state(found.tensors["optimizer"])
        if state.average is not None:
            state.average.load_state(found.tensors["average"])
        if state.scaler is not None:
            state.scaler.load_state(found.tensors["scaler"])
        state.step, state.seconds = found.state.step, found.state.seconds
        self._checkpoint = found.path
        return found.state.step

    def _latents(self, store: PixelStore, keys: Sequence[LatentKey]) -> dict[str, Posterior]:
        self._context.phase("caching", len(keys))
        memory: dict[str, Posterior] = self._context.warm.setdefault(LATENTS_KEY, {})
        return LatentCache(self._output / "latents", memory).fill(self._base, store, keys, self._progress, self._warn)

    def _take_steps(self, feed: Feed, state: TrainingState, series: SeriesWriter) -> None:
        settings = self._job.settings
        try:
            with Lanes(self._base.device, settings.batch_size) as lanes:
                for step in train(self._technique, feed, settings, state, lanes):
                    held_out = self._measured(step.step, state, lanes)
                    over = self._is_over(step.step)
                    last = over or step.step == self._job.pause_after
                    series.write(_line(step, held_out))
                    self._context.emit(_event(step, state, settings.steps, held_out), ())
                    if settings.preview is not None and (over or step.step % settings.preview.every == 0):
                        with state.result_weights():
                            draw_previews(settings.preview, step.step, self._technique, self._output, self._context)
                        self._context.phase("stepping", settings.steps)
                    if last or step.step % settings.checkpoint_every == 0 or self._context.cancelled:
                        self._write_checkpoint(state, step, series)
                    if last:
                        break
                    self._context.check_cancelled(str(self._checkpoint) if self._checkpoint else None)
        except JobError as error:
            if error.code != "loss-not-finite":
                raise
            raise self._explained(error) from error

    def _measured(self, step: int, state: TrainingState, lanes: Lanes) -> float | None:
        wanted = self._job.held_out
        due = wanted is not None and (step == self._job.settings.steps or step % wanted.every == 0)
        if wanted is None or self._held_out is None or not due:
            return None
        loss = held_out_loss(self._technique, self._held_out, state, lanes)
        if wanted.best is not None:
            self._best.offer(BestStep(step, loss), self._technique, state)
        return loss

    def _is_over(self, step: int) -> bool:
        """Whether no step comes after this one: it was the last, or patience has run out."""
        wanted = self._job.held_out
        if step >= self._job.settings.steps:
            return True
        patience = None if wanted is None or wanted.best is None else wanted.best.patience
        if wanted is None or patience is None or step % wanted.every != 0:
            return False
        best = self._best.found()
        return best is not None and step - best.step >= patience * wanted.every

    def _exported_step(self, state: TrainingState) -> int:
        best = self._best.found() if self._job.held_out is not None and self._job.held_out.best is not None else None
        return state.step if best is None else best.step

    def _write_checkpoint(self, state: TrainingState, step: Step, series: SeriesWriter) -> None:
        settings = self._job.settings
        series.sync()
        optimizer = state.optimizer.state()
        facts = CheckpointState(
            step=state.step,
            position=state.step * settings.accumulation,
            seconds=state.seconds,
            loss=step.loss,
            config_sha256=self._config,
            files={},
        )
        folder = self._output / CHECKPOINT_FOLDER
        with state.optimizer.evaluated():
            tensors = {"weights": self._technique.state(), "optimizer": optimizer}
            if state.average is not None:
                tensors["average"] = state.average.state()
            if state.scaler is not None:
                tensors["scaler"] = state.scaler.state()
            self._checkpoint = write_checkpoint(folder, facts, tensors, settings.checkpoints_kept)
        self._context.emit(CheckpointEndEvent(step=state.step, path=str(self._checkpoint)), ())

    def _export(self, feed: Feed, state: TrainingState) -> WrittenArtefact:
        request = ExportRequest(
            folder=result_folder(self._job),
            name=self._job.name,
            settings=self._job.settings,
            steps=self._exported_step(state),
            base_sha256=self._base.sha256,
            subsets=self._job.subsets,
            images=feed.images,
            progress=self._progress,
        )
        if self._exported_step(state) != state.step:
            self._best.restore(self._technique)
            return self._technique.export(request)
        with state.result_weights():
            return self._technique.export(request)

    def _explained(self, error: JobError) -> JobError:
        kept = f"The last good checkpoint is {self._checkpoint}" if self._checkpoint else "No checkpoint exists yet"
        return JobError(
            f"{error} {kept}. Lower the learning rate, lengthen the warm-up or use float32, and train into a new "
            "folder.",
            code=error.code,
            facts={**error.facts, "checkpoint": str(self._checkpoint) if self._checkpoint else None},
        )

    def _truncated_captions(self) -> int:
        captions = [between(item.caption, own.subset.captions) for own in self._subsets for item in own.items]
        base = self._technique.base
        return sum(count > 0 for count in read_texts(base, base.tokenizer, captions).truncated)

    def _progress(self, done: int, total: int) -> None:
        self._context.emit(ProgressEvent(done=done, total=total), ())
        self._context.check_cancelled(str(self._checkpoint) if self._checkpoint else None)

    def _warn(self, text: str) -> None:
        self._context.emit(LogEvent(stream="warning", text=text, dropped=0), ())


def peak_memory(device: torch.device) -> int:
    """Largest memory so far in bytes: of the process on CPU, of torch's allocations on CUDA."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _line(step: Step, held_out: float | None) -> SeriesLine:
    return SeriesLine(
        step=step.step,
        loss=step.loss,
        learning_rate=step.learning_rate,
        gradient_norm=step.gradient_norm,
        seconds=step.seconds,
        held_out_loss=held_out,
        on_mask_loss=step.on_mask_loss,
        off_mask_loss=step.off_mask_loss,
    )


def _event(step: Step, state: TrainingState, total: int, held_out: float | None) -> StepEndEvent | StepSkipEvent:
    if step.loss is None or step.gradient_norm is None:
        assert state.scaler is not None
        return StepSkipEvent(
            step=step.step,
            total=total,
            scale=float(state.scaler.scale()),
            skipped=state.scaler.skipped,
            seconds=step.seconds,
            held_out_loss=held_out,
        )
    return StepEndEvent(
        step=step.step,
        total=total,
        loss=step.loss,
        learning_rate=step.learning_rate,
        gradient_norm=step.gradient_norm,
        seconds=step.seconds,
        held_out_loss=held_out,
        on_mask_loss=step.on_mask_loss,
        off_mask_loss=step.off_mask_loss,
    )
