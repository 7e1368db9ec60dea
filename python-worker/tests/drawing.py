"""Images from this worker and from plain diffusers, starting at the same noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import numpy as np
import numpy.typing as npt
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    StableDiffusionPipeline,
    UniPCMultistepScheduler,
)
from torch import Tensor

from phalanx_worker.model.base import AS_TRAINED, Base
from phalanx_worker.protocol.messages import (
    InitialImage,
    PreviewSampling,
    SampleRequest,
    SamplingSettings,
    TextSettings,
)
from phalanx_worker.sampling.controls import ControlInUse
from phalanx_worker.sampling.draw import draw, initial_noise, step_noise
from phalanx_worker.sampling.samplers import SamplerName

Images = npt.NDArray[np.uint8]
SCHEDULERS: dict[SamplerName, tuple[Any, dict[str, Any]]] = {
    "ddim": (DDIMScheduler, {}),
    "ddpm": (DDPMScheduler, {}),
    "euler": (EulerDiscreteScheduler, {}),
    "euler-ancestral": (EulerAncestralDiscreteScheduler, {}),
    "heun": (HeunDiscreteScheduler, {}),
    "dpmpp-2m": (DPMSolverMultistepScheduler, {}),
    "dpmpp-2m-karras": (DPMSolverMultistepScheduler, {"use_karras_sigmas": True}),
    "unipc": (UniPCMultistepScheduler, {}),
}
NOISY_SCHEDULERS = ("ddpm", "euler_ancestral_discrete")


def sampling(
    sampler: SamplerName = "ddim",
    steps: int = 6,
    guidance: float = 7.5,
    batch_size: int = 4,
    text: TextSettings = AS_TRAINED,
) -> SamplingSettings:
    """Settings at the base's own size."""
    return SamplingSettings(
        sampler=sampler,
        steps=steps,
        guidance=guidance,
        guidance_rescale=0.0,
        zero_terminal_snr=False,
        width=None,
        height=None,
        text=text,
        batch_size=batch_size,
    )


def preview_sampling(settings: SamplingSettings, text: TextSettings | None = None) -> PreviewSampling:
    """The same for previews; without `text` they are read as captions are."""
    return PreviewSampling(**{**msgspec.structs.asdict(settings), "text": text})


def request(
    prompt: str,
    seed: int = 1,
    negative: str = "",
    image: InitialImage | None = None,
    controls: tuple[str, ...] = (),
) -> SampleRequest:
    """One image."""
    return SampleRequest(prompt=prompt, negative_prompt=negative, seed=seed, image=image, controls=controls)


def drawn(
    base: Base, requests: list[SampleRequest], settings: SamplingSettings, controls: Sequence[ControlInUse] = ()
) -> Images:
    """[n, height, width, 3] from this worker."""
    images: dict[int, Images] = {}
    draw(base, requests, settings, images.__setitem__, lambda *_: None, controls)
    return np.stack([images[index] for index in range(len(requests))])


def pipeline(folder: Path) -> StableDiffusionPipeline:
    """Diffusers' own pipeline for a base."""
    made = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True)
    made.set_progress_bar_config(disable=True)
    return made


def drawn_by_diffusers(
    made: StableDiffusionPipeline,
    requests: list[SampleRequest],
    settings: SamplingSettings,
    rename: Callable[[str], str] = lambda prompt: prompt,
    **given: Any,
) -> Images:
    """[n, height, width, 3] from the pipeline, each image alone, with what else is `given` to it."""
    set_scheduler(made, settings.sampler)
    config = made.unet.config
    side = config.sample_size * made.vae_scale_factor
    height, width = settings.height or side, settings.width or side
    shape = (config.in_channels, height // made.vae_scale_factor, width // made.vae_scale_factor)
    images = []
    for item in requests:
        with our_step_noise(item.seed, shape):
            drawing = made(
                rename(item.prompt),
                negative_prompt=item.negative_prompt,
                height=height,
                width=width,
                guidance_scale=settings.guidance,
                guidance_rescale=settings.guidance_rescale,
                num_inference_steps=settings.steps,
                latents=initial_noise(item.seed, shape)[None],
                output_type="np",
                **given,
            )
        images.append(drawing.images[0])
    return (np.stack(images) * 255).round().astype(np.uint8)


def set_scheduler(made: Any, sampler: SamplerName) -> None:
    """Gives a pipeline diffusers' scheduler for one of our samplers, made from the config it has."""
    kind, changes = SCHEDULERS[sampler]
    made.scheduler = kind.from_config(made.scheduler.config, **changes)


@contextmanager
def our_step_noise(seed: int, shape: tuple[int, ...], first: int = 0) -> Iterator[None]:
    """Within it, diffusers' schedulers draw the noise of their steps from our stream."""
    steps = count(first)

    def draw_noise(*_: object, **__: object) -> Tensor:
        return step_noise(seed, shape, next(steps))[None]

    with ExitStack() as stack:
        for name in NOISY_SCHEDULERS:
            stack.enter_context(patch(f"diffusers.schedulers.scheduling_{name}.randn_tensor", draw_noise))
        yield


def largest_difference(left: Images, right: Images) -> int:
    """Of any channel of any pixel, in levels of 255."""
    assert left.shape == right.shape
    return int(np.abs(left.astype(int) - right.astype(int)).max())
