"""The one file of a ControlNet beside its folder, in diffusers and here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import msgspec
import numpy as np
import pytest
import torch
from diffusers import ControlNetModel
from PIL import Image

from phalanx_worker.artefacts.tensors import read_metadata, read_tensors
from phalanx_worker.model.base import Base
from phalanx_worker.model.control_net import read_control_net
from phalanx_worker.model.load import load_base
from phalanx_worker.protocol.messages import ControlReference
from phalanx_worker.sampling.controls import ControlInUse
from phalanx_worker.sampling.draw import initial_noise
from tests.drawing import drawn, largest_difference, request, sampling, set_scheduler
from tests.interop.files import CONTROL_NET, exported
from tests.small import ARCHITECTURES, make_base

PROMPT, NEGATIVE, SEED, STEPS = "a photo of a hand", "a fist", 3, 2


@pytest.fixture(scope="module", params=["sd-1", "sd-2", "sdxl"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Base, Path]:
    """A base that halves three times, as diffusers takes all of the first publication's layout to, and a network."""
    folder = tmp_path_factory.mktemp(request.param)
    architecture = msgspec.structs.replace(
        ARCHITECTURES[request.param], autoencoder_channels=(8, 8, 8, 8), unet_layers_per_block=2, image_size=64
    )
    base = load_base(make_base(folder / "base", 1, architecture))
    return base, exported(base, CONTROL_NET, folder / "run", "depth")


def test_diffusers_loads_it_and_draws_the_same(made: tuple[Base, Path], tmp_path: Path) -> None:
    base, folder = made
    file = folder.with_name("depth.safetensors")
    net = ControlNetModel.from_single_file(str(file), config=str(folder), local_files_only=True)
    of_folder = ControlNetModel.from_pretrained(folder, local_files_only=True).state_dict()
    assert net.state_dict().keys() == of_folder.keys()
    assert all(torch.equal(item, of_folder[name]) for name, item in net.state_dict().items())

    picture = tmp_path / "picture.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(picture)
    name = f"StableDiffusion{'XL' if base.family == 'sdxl' else ''}ControlNetPipeline"
    pipeline: Any = getattr(diffusers, name).from_pretrained(base.folder, controlnet=net, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    set_scheduler(pipeline, "ddim")
    theirs = pipeline(
        PROMPT, negative_prompt=NEGATIVE, image=Image.open(picture), num_inference_steps=STEPS, guidance_scale=7.5,
        output_type="np", latents=initial_noise(SEED, (4, 8, 8))[None],
    ).images  # fmt: skip
    control = ControlReference(file=str(file), strength=1.0, start=0.0, end=1.0)
    asked = [request(PROMPT, SEED, NEGATIVE, controls=(str(picture),))]
    ours = drawn(base, asked, sampling(steps=STEPS), [ControlInUse(read_control_net(file, base), control)])
    # Both add the same float32 numbers in another order, which may round to the level beside.
    assert largest_difference(ours, (theirs * 255).round().astype(np.uint8)) <= 1
    plain = drawn(base, [msgspec.structs.replace(asked[0], controls=())], sampling(steps=STEPS))
    assert largest_difference(ours, plain) > 3


def test_it_has_the_names_that_the_family_is_shared_with(made: tuple[Base, Path]) -> None:
    base, folder = made
    file = folder.with_name("depth.safetensors")
    names = read_tensors(file).keys()
    if base.family == "sdxl":
        assert {"controlnet_cond_embedding.conv_out.weight", "add_embedding.linear_1.weight"} <= names
    else:
        assert all(name.startswith("control_model.") for name in names)
        # Three input blocks a level of the UNet and the convolution before them, each with its zero convolution.
        zero = {f"control_model.zero_convs.{place}.0.{kind}" for place in range(12) for kind in ("weight", "bias")}
        assert zero == {name for name in names if "zero_convs" in name}
        assert {"control_model.input_hint_block.14.weight", "control_model.middle_block_out.0.bias"} <= names
    assert read_metadata(file)["modelspec.title"] == "depth"
    assert read_control_net(file, base).sha256 == read_control_net(folder, base).sha256
