"""Drawing from images and under masks, against diffusers' pipelines with our noise."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import numpy as np
import pytest
import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline, UNet2DConditionModel
from PIL import Image

from phalanx_worker.errors import ConfigError, DatasetError
from phalanx_worker.model.base import Base
from phalanx_worker.model.load import load_base
from phalanx_worker.protocol.messages import InitialImage
from phalanx_worker.sampling.draw import initial_noise
from phalanx_worker.sampling.samplers import SAMPLERS, SamplerName
from phalanx_worker.streams import Streams
from tests.drawing import Images, drawn, largest_difference, our_step_noise, pipeline, request, sampling, set_scheduler

SHAPE = (4, 8, 8)
STEPS = 7
# As in test_draw: the same float32 numbers in another order.
ONE_LEVEL = 1


def picture(folder: Path, name: str = "image.png", size: tuple[int, int] = (16, 16), seed: int = 0) -> str:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / name)
    return str(folder / name)


def mask_image(folder: Path, size: tuple[int, int] = (16, 16), level: int = 255, mode: str = "L") -> str:
    """Light in a part that does not fall on the latents' grid; its last column is grey just below half."""
    levels = np.zeros((size[1], size[0]), np.uint8)
    levels[3:13, 5:12] = level
    levels[3:13, 11] = min(level, 127)
    Image.fromarray(levels).convert(mode).save(folder / "mask.png")
    return str(folder / "mask.png")


def initial(file: str, strength: float = 0.6, mask: str | None = None, blur: float = 0.0) -> InitialImage:
    return InitialImage(file=file, strength=strength, mask=mask, mask_blur=blur)


def pixels_of(file: str) -> Images:
    return np.asarray(Image.open(file).convert("RGB"))


@contextmanager
def our_noise(seed: int, first: int, *posteriors: str) -> Iterator[None]:
    """Within it diffusers takes initial noise, noise of steps and draws from posteriors from our streams."""
    queue = list(posteriors)

    def posterior(*_: object, **__: object) -> torch.Tensor:
        return torch.from_numpy(Streams(seed).normal(queue.pop(0), SHAPE, 0, 0))[None]

    with ExitStack() as stack:
        for name in ("img2img", "inpaint"):
            target = f"diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_{name}.randn_tensor"
            stack.enter_context(patch(target, lambda *_, **__: initial_noise(seed, SHAPE)[None]))
        stack.enter_context(patch("diffusers.models.autoencoders.vae.randn_tensor", posterior))
        stack.enter_context(our_step_noise(seed, SHAPE, first))
        yield


def by_diffusers(made: Any, sampler: SamplerName, strength: float, posteriors: tuple[str, ...], **given: Any) -> Images:
    made.set_progress_bar_config(disable=True)
    set_scheduler(made, sampler)
    with our_noise(3, STEPS - int(STEPS * strength), *posteriors):
        result = made(
            "a hand",
            negative_prompt="a fist",
            guidance_scale=7.5,
            strength=strength,
            num_inference_steps=STEPS,
            output_type="np",
            **given,
        )
    return (result.images * 255).round().astype(np.uint8)


def ours(base: Base, image: InitialImage, sampler: SamplerName = "ddim") -> Images:
    return drawn(base, [request("a hand", 3, "a fist", image)], sampling(sampler, STEPS))


def inpainting(base: Base) -> Base:
    """With a UNet that is shown mask and hidden image, of random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        unet = UNet2DConditionModel.from_config({**base.unet.config, "in_channels": 9})
    return dataclasses.replace(base, unet=unet.eval().requires_grad_(False))


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("strength", [0.2, 0.6, 1.0])
def test_an_image_is_changed_as_by_diffusers(
    base_folder: Path, tmp_path: Path, sampler: SamplerName, strength: float
) -> None:
    file = picture(tmp_path)
    made = StableDiffusionImg2ImgPipeline(**pipeline(base_folder).components, requires_safety_checker=False)
    theirs = by_diffusers(made, sampler, strength, ("posterior",), image=Image.open(file))
    assert largest_difference(ours(load_base(base_folder), initial(file, strength), sampler), theirs) <= ONE_LEVEL


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("strength", [0.6, 1.0])
@pytest.mark.parametrize("shown", [False, True])
def test_the_masked_part_is_that_of_diffusers_and_the_rest_is_untouched(
    base_folder: Path, tmp_path: Path, sampler: SamplerName, strength: float, shown: bool
) -> None:
    file, mask = picture(tmp_path), mask_image(tmp_path)
    base = load_base(base_folder)
    base = inpainting(base) if shown else base
    parts = {**pipeline(base_folder).components, "unet": base.unet}
    made = StableDiffusionInpaintPipeline(**parts, requires_safety_checker=False)
    # A UNet that is shown the image needs no latents of it when it starts from noise alone.
    posteriors = ("hidden-posterior",) if shown and strength == 1 else ("posterior", "hidden-posterior")
    given = {"image": Image.open(file), "mask_image": Image.open(mask), "height": 16, "width": 16}
    theirs = by_diffusers(made, sampler, strength, posteriors, **given)
    found = ours(base, initial(file, strength, mask), sampler)
    light = np.asarray(Image.open(mask)) >= 128
    assert largest_difference(found[:, light], theirs[:, light]) <= ONE_LEVEL
    assert np.array_equal(found[0][~light], pixels_of(file)[~light])
    assert largest_difference(found[0][light], pixels_of(file)[light]) > 20


def test_a_soft_rim_lies_inside_the_mask(base_folder: Path, tmp_path: Path) -> None:
    file, mask = picture(tmp_path), mask_image(tmp_path)
    base = load_base(base_folder)
    hard, soft = ours(base, initial(file, 1, mask)), ours(base, initial(file, 1, mask, 0.8))
    light = np.asarray(Image.open(mask)) >= 128
    assert np.array_equal(soft[0][~light], pixels_of(file)[~light])
    given, middle, rim = pixels_of(file).astype(int), (8, 7), (3, 5)
    distance = np.abs(soft[0].astype(int) - hard[0]).sum(-1)
    assert distance[middle] <= 3 < distance[rim]
    # The corner of the mask is given less weight than the middle of an edge.
    assert np.abs(soft[0][rim].astype(int) - given[rim]).sum() < np.abs(hard[0][rim].astype(int) - given[rim]).sum()


@pytest.mark.parametrize("shown", [False, True])
def test_mixed_requests_are_drawn_as_each_alone(base_folder: Path, tmp_path: Path, shown: bool) -> None:
    one, other, mask = picture(tmp_path), picture(tmp_path, "other.png", seed=1), mask_image(tmp_path)
    base = load_base(base_folder)
    base = inpainting(base) if shown else base
    images = [None, initial(one), initial(other), initial(one, 1.0), initial(one, 1.0, mask), initial(other, 1.0, mask)]
    requests = [request("a hand", seed, "", image) for seed, image in enumerate(images)]
    settings = sampling("euler-ancestral", 4)
    together = drawn(base, requests, settings)
    alone = np.concatenate([drawn(base, [item], settings) for item in requests])
    assert largest_difference(together, alone) <= ONE_LEVEL


def test_an_image_of_another_size_is_covered_and_cropped(base_folder: Path, tmp_path: Path) -> None:
    base = load_base(base_folder)
    wide = picture(tmp_path, "wide.png", (64, 32))
    Image.open(wide).resize((32, 16), Image.Resampling.LANCZOS).crop((8, 0, 24, 16)).save(tmp_path / "cropped.png")
    assert np.array_equal(ours(base, initial(wide)), ours(base, initial(str(tmp_path / "cropped.png"))))


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "RGB", "I;16"])
def test_images_and_masks_of_any_mode_are_read(base_folder: Path, tmp_path: Path, mode: str) -> None:
    base = load_base(base_folder)
    levels = np.full((16, 16), 200, np.uint8)
    made = Image.fromarray(levels.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(levels).convert(mode)
    made.save(tmp_path / "grey.png")
    mask_mode = mode if mode in ("RGBA", "LA", "RGB") else "L"
    found = ours(base, initial(str(tmp_path / "grey.png"), 0.6, mask_image(tmp_path, mode=mask_mode)))
    assert found.shape == (1, 16, 16, 3)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"mask_size": (12, 16)}, "mask-mismatch"),
        ({"mask_size": (16, 32)}, "mask-mismatch"),
        ({"mask_level": 100}, "mask-empty"),
        ({"size": (32, 32), "mask_size": (32, 32)}, "size-mismatch"),
        ({"strength": 0.1}, "no-steps"),
    ],
)
def test_what_does_not_fit_is_refused(base_folder: Path, tmp_path: Path, change: dict[str, Any], code: str) -> None:
    file = picture(tmp_path, size=change.get("size", (16, 16)))
    mask = mask_image(tmp_path, change.get("mask_size", (16, 16)), change.get("mask_level", 255))
    with pytest.raises(ConfigError) as caught:
        ours(load_base(base_folder), initial(file, change.get("strength", 0.6), mask))
    assert caught.value.code == code


@pytest.mark.parametrize("part", ["file", "mask"])
@pytest.mark.parametrize(("content", "code"), [(None, "missing-image"), (b"no image", "broken-image")])
def test_files_that_are_no_images_are_refused_before_anything_is_drawn(
    base_folder: Path, tmp_path: Path, part: str, content: bytes | None, code: str
) -> None:
    good = initial(picture(tmp_path), 0.6, mask_image(tmp_path))
    bad = msgspec.structs.replace(good, **{part: str(tmp_path / "bad.png")})
    if content is not None:
        (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(DatasetError) as caught:
        drawn(load_base(base_folder), [request("a", 1, "", good), request("a", 2, "", bad)], sampling())
    assert caught.value.code == code


def test_a_unet_with_other_inputs_is_refused(base_folder: Path, tmp_path: Path) -> None:
    base = load_base(base_folder)
    base = dataclasses.replace(base, unet=UNet2DConditionModel.from_config({**base.unet.config, "in_channels": 7}))
    with pytest.raises(ConfigError) as caught:
        ours(base, initial(picture(tmp_path)))
    assert caught.value.code == "unknown-channels"
