"""Pictures drawn during a training."""

from __future__ import annotations

from pathlib import Path

import msgspec
from PIL import Image

from phalanx_worker.artefacts.atomic import whole_file
from phalanx_worker.errors import ConfigError
from phalanx_worker.jobs.context import JobContext
from phalanx_worker.model.base import Base
from phalanx_worker.protocol.messages import (
    ControlReference,
    ImageEndEvent,
    PreviewSettings,
    ProgressEvent,
    SampleRequest,
    SamplingSettings,
)
from phalanx_worker.sampling.controls import ControlInUse
from phalanx_worker.sampling.draw import Pixels, draw
from phalanx_worker.techniques.technique import Technique

PREVIEW_FOLDER = "previews"


class _StopRequestedError(Exception):
    """The job is asked to stop while it draws."""


def draw_previews(preview: PreviewSettings, step: int, technique: Technique, output: Path, context: JobContext) -> None:
    """Every prompt with every seed, told as events and written to `output`/previews/step-00000100/0000.png.

    Prompts are read as the captions are, unless the settings say how. Returns early when the job is asked to stop.
    Raises as `draw`, ArtefactError (`disk-full`) and ConfigError (`preview-without-control`).
    """
    controls = _controls(preview, technique)
    pictures = tuple(preview.control for _ in controls if preview.control is not None)
    requests = [
        SampleRequest(prompt=prompt, negative_prompt=preview.negative_prompt, seed=seed, image=None, controls=pictures)
        for prompt in preview.prompts
        for seed in preview.seeds
    ]
    folder = output / PREVIEW_FOLDER / f"step-{step:08d}"

    def on_image(index: int, pixels: Pixels) -> None:
        with whole_file(folder / f"{index:04d}.png") as temporary:
            Image.fromarray(pixels).save(temporary, "PNG")
        event = ImageEndEvent(
            index=index,
            step=step,
            prompt=requests[index].prompt,
            seed=requests[index].seed,
            width=pixels.shape[1],
            height=pixels.shape[0],
            blob=0,
        )
        context.emit(event, (pixels,))

    def on_step(done: int, total: int) -> None:
        if context.cancelled:
            raise _StopRequestedError
        context.emit(ProgressEvent(done=done, total=total), ())

    context.phase("sampling", len(requests) * preview.sampling.steps)
    try:
        draw(technique.base, requests, _sampling(preview, technique.base), on_image, on_step, controls)
    except _StopRequestedError:
        return


def _sampling(preview: PreviewSettings, base: Base) -> SamplingSettings:
    how = msgspec.structs.asdict(preview.sampling)
    return SamplingSettings(**{**how, "text": preview.sampling.text or base.text})


def _controls(preview: PreviewSettings, technique: Technique) -> tuple[ControlInUse, ...]:
    nets = technique.control_nets()
    if nets and preview.control is None:
        raise ConfigError(
            "Previews of a ControlNet need a picture that controls them. Name one as preview.control.",
            code="preview-without-control",
        )
    reference = ControlReference(file="", strength=1.0, start=0.0, end=1.0)
    return tuple(ControlInUse(net, reference) for net in nets)
