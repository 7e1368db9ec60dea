"""Requests to images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from phalanx_worker.errors import ConfigError, JobError
from phalanx_worker.lanes import Lanes
from phalanx_worker.model.base import Base
from phalanx_worker.model.conditioning import SizeConditioning
from phalanx_worker.model.drawing_layers import drawing_layers
from phalanx_worker.model.low_rank import merged
from phalanx_worker.model.terminal_snr import with_zero_terminal_snr
from phalanx_worker.model.text import read_as
from phalanx_worker.protocol.messages import InitialImage, SampleRequest, SamplingSettings
from phalanx_worker.sampling.controls import ControlInUse, OpenControls, open_controls
from phalanx_worker.sampling.network import Beside, guided, network_of
from phalanx_worker.sampling.picture import Picture, open_picture
from phalanx_worker.sampling.plan import SamplingPlan
from phalanx_worker.sampling.samplers import SAMPLERS
from phalanx_worker.sampling.sources import sources_of
from phalanx_worker.sampling.texts import Texts, length_of, texts_of, told, truncated_tokens
from phalanx_worker.sampling.walk import Walk
from phalanx_worker.streams import Streams

Pixels = npt.NDArray[np.uint8]
OnImage = Callable[[int, Pixels], None]
"""Position among the requests and RGB pixels, [height, width, 3]."""
OnStep = Callable[[int, int], None]
"""Predictions made, summed over images, and their total, `predictions`. May raise to stop."""


@dataclass(frozen=True)
class DrawnImages:
    """What is told about the requests as a whole."""

    truncated_tokens: tuple[int, ...]
    """Per request: tokens of prompt and negative prompt beyond what is read, which had no effect."""


@torch.inference_mode()
def draw(
    base: Base,
    requests: Sequence[SampleRequest],
    sampling: SamplingSettings,
    on_image: OnImage,
    on_step: OnStep,
    controls: Sequence[ControlInUse] = (),
) -> DrawnImages:
    """Draw an image per request, `sampling.batch_size` at a time.

    A request's picture depends on its own prompt, negative prompt and seed; the batch it is drawn in changes latents
    by rounding only. Changes attached to the base are in effect. With a guidance of 1 negative prompts have none.
    A request with an image starts from it (SDEdit, Meng et al., 2022); with a mask only the masked part is drawn: an
    ordinary UNet has the rest put back after every step (Lugmayr et al., 2022, without resampling), a UNet made for
    inpainting is shown it, and either way the pixels outside are returned as they were given.
    Every one of `controls` acts on all requests, each with the request's picture for it.
    Prompt and negative prompt are filled up to the windows that the longer one needs.
    Raises ConfigError (`size-mismatch`, `too-many-steps`, `zero-snr-epsilon`, `no-steps`, `mask-mismatch`,
    `mask-empty`, `unknown-channels`, `clip-skip-too-large`, `invalid-weight`, `weights-cancel`), DatasetError for
    images that cannot be read, ArtefactError (`unknown-scheduler`) and JobError (`image-not-finite`).
    """
    base = read_as(base, sampling.text)
    shape = _latent_shape(base, sampling)
    count = _Progress(predictions(base, requests, sampling), on_step)
    size = (shape[2] * base.reduction, shape[1] * base.reduction)
    images = dict.fromkeys(request.image for request in requests)
    opened = open_controls(base, controls, requests, size)
    pictures = {image: None if image is None else open_picture(image, *size) for image in images}
    with merged([*base.text_encoders, base.unet]), Lanes(base.device, 2 * sampling.batch_size) as lanes:
        texts = texts_of(base, requests, sampling.guidance)
        first = 0
        for batch in _batches(requests, texts, sampling.batch_size):
            shown = [pictures[request.image] for request in batch]
            with drawing_layers(base):
                latents = _denoised(base, batch, shown, sampling, texts, opened, shape, count, lanes)
                decoded = lanes.map(partial(decode, base), [latents[span] for span in lanes.spans(len(batch))])
            for picture, pixels in zip(shown, (image for part in decoded for image in part), strict=True):
                on_image(first, pixels if picture is None else picture.keep(pixels))
                first += 1
    return DrawnImages(truncated_tokens(base, requests, sampling.guidance))


def plan_of(base: Base, image: InitialImage | None, sampling: SamplingSettings) -> SamplingPlan:
    """The steps of one image; raises as `draw`."""
    scheduled = with_zero_terminal_snr(base) if sampling.zero_terminal_snr else base
    sampler = SAMPLERS[sampling.sampler]
    plan = sampler.plan(scheduled.noise_schedule, scheduled.scheduler_config, sampling.steps)
    if image is None:
        return plan
    # Rounded down, as diffusers does.
    steps = int(sampling.steps * image.strength)
    if steps == 0:
        raise ConfigError(
            f"A strength of {image.strength} leaves none of the {sampling.steps} steps. Take more of either.",
            code="no-steps",
            facts={"strength": image.strength, "steps": sampling.steps},
        )
    return plan.tail(steps)


def predictions(base: Base, requests: Sequence[SampleRequest], sampling: SamplingSettings) -> int:
    """How often the network is asked for the requests, each counted by itself; raises as `draw`."""
    asked = SAMPLERS[sampling.sampler].predictions
    images = Counter(request.image for request in requests)
    return sum(count * asked(plan_of(base, image, sampling)) for image, count in images.items())


def initial_noise(seed: int, shape: tuple[int, ...]) -> Tensor:
    """Standard normal latents of one image, from its seed alone."""
    return torch.from_numpy(Streams(seed).normal("initial-noise", shape, 0, 0))


def step_noise(seed: int, shape: tuple[int, ...], step: int) -> Tensor:
    """Standard normal numbers that a sampler adds to one image after a step (0-based)."""
    return torch.from_numpy(Streams(seed).normal("step-noise", shape, step, 0))


@torch.inference_mode()
def decode(base: Base, latents: Tensor) -> Pixels:
    """[n, height, width, 3] RGB of latents at the training's scale, rounded to the nearest level.

    Raises JobError (`image-not-finite`) when the network gave no numbers.
    """
    images = base.autoencoder.decode(latents / base.autoencoder.config.scaling_factor).sample
    if not bool(images.isfinite().all()):
        raise JobError(
            "The network's output is not finite, so there is no image. Lower the adapters' strengths, or use an "
            "adapter that was trained with a lower learning rate.",
            code="image-not-finite",
        )
    levels = images.permute(0, 2, 3, 1).mul(127.5).add(127.5).round().clamp(0, 255)
    pixels: Pixels = levels.to(torch.uint8).cpu().contiguous().numpy()
    return pixels


@dataclass
class _Progress:
    total: int
    on_step: OnStep
    done: int = 0

    def step(self, images: int) -> None:
        self.done += images
        self.on_step(self.done, self.total)


def _latent_shape(base: Base, sampling: SamplingSettings) -> tuple[int, int, int]:
    height, width = (side or base.image_size for side in (sampling.height, sampling.width))
    if height % base.reduction or width % base.reduction:
        raise ConfigError(
            f"An image of {width}x{height} pixels does not divide into the base's cells of {base.reduction}. "
            f"Use multiples of {base.reduction}.",
            code="size-mismatch",
            facts={"width": width, "height": height, "multiple": base.reduction},
        )
    return int(base.autoencoder.config.latent_channels), height // base.reduction, width // base.reduction


def _denoised(
    base: Base,
    batch: Sequence[SampleRequest],
    pictures: Sequence[Picture | None],
    sampling: SamplingSettings,
    texts: Texts,
    controls: OpenControls,
    shape: tuple[int, int, int],
    count: _Progress,
    lanes: Lanes,
) -> Tensor:
    sources = sources_of(base, batch, pictures, shape)
    height, width = (side * base.reduction for side in shape[1:])
    sizes = SizeConditioning(original=(height, width), crop=(0, 0), target=(height, width))
    plan = plan_of(base, batch[0].image, sampling)
    beside = Beside(sizes, sources.shown, controls.of(batch, plan))
    network = network_of(base, told(texts, batch), beside, lanes, len(batch))
    if sampling.guidance != 1:
        network = guided(network, sampling)

    def counted(latents: Tensor, timestep: float) -> Tensor:
        prediction = network(latents, timestep)
        count.step(len(batch))
        return prediction

    def drawn(draws: Callable[[int], Tensor]) -> Tensor:
        return torch.stack([draws(request.seed) for request in batch]).to(base.device)

    masked = sources.mask is not None
    walk = Walk(
        plan=plan,
        predict=counted,
        noise=drawn(lambda seed: initial_noise(seed, shape)),
        fresh_noise=lambda step: drawn(lambda seed: step_noise(seed, shape, step)),
        # All of the steps under a mask draw something wholly new there.
        image=None if masked and plan.first == 0 else sources.latents,
        kept=sources.kept,
    )
    return SAMPLERS[sampling.sampler].draw(walk)


def _batches(requests: Sequence[SampleRequest], texts: Texts, size: int) -> Iterator[Sequence[SampleRequest]]:
    """Consecutive requests that take the same steps from the same kind of start, with texts of the same length."""

    def start(request: SampleRequest) -> object:
        image = None if request.image is None else (request.image.strength, request.image.mask is None)
        return image, length_of(texts, request)

    for _, alike in groupby(requests, start):
        group = list(alike)
        for first in range(0, len(group), size):
            yield group[first : first + size]
