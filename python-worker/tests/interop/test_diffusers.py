"""Everything that is written here, of every family, in plain diffusers: the same images from the same noise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import diffusers
import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from phalanx_worker.artefacts.tensors import read_tensors
from phalanx_worker.model.adapters import applied
from phalanx_worker.model.base import Base
from phalanx_worker.model.control_net import WEIGHTS, read_control_net
from phalanx_worker.model.load import load_base
from phalanx_worker.model.save import save_base
from phalanx_worker.model.single_file_save import save_single_file
from phalanx_worker.protocol.messages import ControlReference, InitialImage
from phalanx_worker.sampling.controls import ControlInUse
from phalanx_worker.sampling.draw import initial_noise
from phalanx_worker.streams import Streams
from tests.drawing import Images, drawn, largest_difference, request, sampling, set_scheduler
from tests.interop.files import CONTROL_NET, EMBEDDING, LOCON, LORA, exported
from tests.small import ARCHITECTURES, adapter_reference, make_base

FAMILIES = {
    "sd-1": ARCHITECTURES["sd-1"],
    "sd-2-epsilon": msgspec.structs.replace(ARCHITECTURES["sd-2"], prediction="epsilon"),
    "sd-2-velocity": ARCHITECTURES["sd-2"],
    "sdxl": ARCHITECTURES["sdxl"],
}
LORAS = {"lora": LORA, "locon": LOCON}
ARTEFACTS = ("folder", "single-file", *LORAS, "embedding", "control-net")
PROMPT, SEED, STEPS = "a photo of a hand", 3, 2
# Changes are added into the weights here and beside them there: rounding differs, and seven and a half times guided.
TWO_LEVELS = 2


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool], Path]:
    """A base of each family, with the ordinary UNet and with the one for inpainting."""
    parent = tmp_path_factory.mktemp("bases")
    return {
        (family, inpainting): make_base(
            parent / f"{family}-{inpainting}", 1, msgspec.structs.replace(architecture, inpainting=inpainting)
        )
        for family, architecture in FAMILIES.items()
        for inpainting in (False, True)
    }


@pytest.mark.parametrize("artefact", ARTEFACTS)
@pytest.mark.parametrize("inpainting", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_plain_diffusers_draws_the_same(
    folders: dict[tuple[str, bool], Path], tmp_path: Path, family: str, inpainting: bool, artefact: str
) -> None:
    folder = folders[family, inpainting]
    base = load_base(folder)
    prompt = f"{PROMPT} <five>" if artefact == "embedding" else PROMPT
    nets: list[Path] = []
    if artefact == "folder":
        save_base(base, tmp_path / "ours", "float32")
        made = pipeline_class(base, False).from_pretrained(tmp_path / "ours", local_files_only=True)
    elif artefact == "single-file":
        save_single_file(base, tmp_path / "ours.safetensors", "float32")
        made = pipeline_class(base, False).from_single_file(
            tmp_path / "ours.safetensors", config=str(folder), local_files_only=True
        )
    elif artefact == "control-net":
        nets = [exported(base, CONTROL_NET, tmp_path)]
        net = diffusers.ControlNetModel.from_pretrained(nets[0], local_files_only=True)
        alone = diffusers.ControlNetModel.from_single_file(nets[0] / WEIGHTS, config=str(nets[0]))
        assert all(torch.equal(item, net.state_dict()[name]) for name, item in alone.state_dict().items())
        made = pipeline_class(base, True).from_pretrained(folder, controlnet=net, local_files_only=True)
    else:
        made = pipeline_class(base, False).from_pretrained(folder, local_files_only=True)
    plain = ours(base, PROMPT, tmp_path, [])
    adapters: list[Path] = []
    if artefact in LORAS:
        adapters = [exported(base, LORAS[artefact], tmp_path)]
        made.load_lora_weights(adapters[0])
    if artefact == "embedding":
        adapters = [exported(base, EMBEDDING, tmp_path)]
        load_embedding(made, base, adapters[0])
    with applied(base, [adapter_reference(file=str(path), strength=1.0) for path in adapters]) as changed:
        found = ours(changed, prompt, tmp_path, nets)
    light = mask_of(tmp_path) if inpainting else np.ones(found.shape[1:3], dtype=bool)
    assert largest_difference(found[:, light], theirs(made, base, prompt, tmp_path, nets)[:, light]) <= TWO_LEVELS
    if adapters or nets:
        assert largest_difference(found[:, light], plain[:, light]) > TWO_LEVELS


def pipeline_class(base: Base, controlled: bool) -> Any:
    family = "XL" if base.family == "sdxl" else ""
    control, inpaint = "ControlNet" if controlled else "", "Inpaint" if base.inpainting else ""
    return getattr(diffusers, f"StableDiffusion{family}{control}{inpaint}Pipeline")


def load_embedding(made: Any, base: Base, path: Path) -> None:
    if base.family != "sdxl":
        made.load_textual_inversion(path)
        return
    tensors = read_tensors(path)
    for name, encoder, tokenizer in (
        ("clip_l", made.text_encoder, made.tokenizer), ("clip_g", made.text_encoder_2, made.tokenizer_2),
    ):  # fmt: skip
        made.load_textual_inversion(tensors[name], token="<five>", text_encoder=encoder, tokenizer=tokenizer)


def picture(folder: Path, name: str, seed: int) -> str:
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / name)
    return str(folder / name)


def mask_file(folder: Path) -> str:
    levels = np.zeros((16, 16), np.uint8)
    levels[3:13, 5:12] = 255
    Image.fromarray(levels).save(folder / "mask.png")
    return str(folder / "mask.png")


def mask_of(folder: Path) -> Any:
    return np.asarray(Image.open(mask_file(folder))) == 255


def ours(base: Base, prompt: str, folder: Path, nets: list[Path]) -> Images:
    image = None
    if base.inpainting:
        image = InitialImage(file=picture(folder, "image.png", 1), strength=1.0, mask=mask_file(folder), mask_blur=0.0)
    controls = [
        ControlInUse(read_control_net(net, base), ControlReference(file=str(net), strength=1.0, start=0.0, end=1.0))
        for net in nets
    ]
    shown = tuple(picture(folder, "control.png", 2) for _ in nets)
    asked = [request(prompt, SEED, "a fist", image, shown)]
    return drawn(base, asked, sampling(steps=STEPS), controls)


def theirs(made: Any, base: Base, prompt: str, folder: Path, nets: list[Path]) -> Images:
    made.set_progress_bar_config(disable=True)
    set_scheduler(made, "ddim")
    side = int(base.unet.config.sample_size)
    given: dict[str, Any] = {"height": 16, "width": 16}
    if base.inpainting:
        image, mask = Image.open(picture(folder, "image.png", 1)), Image.open(mask_file(folder))
        given |= {"image": image, "mask_image": mask, "strength": 1.0}
    for _ in nets:
        # Where a mask is painted over, it is 0.5 when nobody says.
        given["controlnet_conditioning_scale"] = 1.0
        given["control_image" if base.inpainting else "image"] = Image.open(picture(folder, "control.png", 2))
    with hidden_posterior((4, side, side)):
        images = made(
            prompt, negative_prompt="a fist", guidance_scale=7.5, num_inference_steps=STEPS, output_type="np",
            latents=initial_noise(SEED, (4, side, side))[None], **given,
        ).images  # fmt: skip
    return (images * 255).round().astype(np.uint8)


@contextmanager
def hidden_posterior(shape: tuple[int, ...]) -> Iterator[None]:
    """Within it diffusers draws the latents of a hidden image from our stream."""

    def draw(*_: object, **__: object) -> torch.Tensor:
        return torch.from_numpy(Streams(SEED).normal("hidden-posterior", shape, 0, 0))[None]

    with patch("diffusers.models.autoencoders.vae.randn_tensor", draw):
        yield
