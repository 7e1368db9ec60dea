"""Drawing with ControlNets against diffusers' pipelines, from the same noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from diffusers import (
    ControlNetModel,
    StableDiffusionControlNetPipeline,
    StableDiffusionXLControlNetPipeline,
)
from PIL import Image
from safetensors.torch import load_file, save_file

from phalanx_worker.errors import ArtefactError, ConfigError
from phalanx_worker.model.base import Base
from phalanx_worker.model.control_net import control_net_from, read_control_net, write_control_net
from phalanx_worker.model.load import load_base
from phalanx_worker.protocol.messages import ControlReference, InitialImage
from phalanx_worker.sampling.controls import ControlInUse
from phalanx_worker.sampling.draw import initial_noise
from tests.drawing import drawn, largest_difference, request, sampling, set_scheduler
from tests.small import ARCHITECTURE, make_base

PROMPTS = ("a photo of a hand", "a drawing of a fist")
# The two add the same float32 numbers in another order; a value near the middle of two levels may round either way.
ONE_LEVEL = 1


def make_net(base: Base, folder: Path, seed: int) -> Path:
    """A network that adds something: what begins at zero is random here."""
    module = control_net_from(base, (16, 32), seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.startswith(("controlnet_down", "controlnet_mid", "controlnet_cond_embedding.conv_out")):
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    folder.mkdir()
    write_control_net(module, folder, "float32", {})
    return folder


def in_use(base: Base, folder: Path, strength: float = 1.0, start: float = 0.0, end: float = 1.0) -> ControlInUse:
    reference = ControlReference(file=str(folder), strength=strength, start=start, end=end)
    return ControlInUse(read_control_net(folder, base), reference)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    folder = tmp_path_factory.mktemp("pictures")
    for index in range(2):
        pixels = np.random.default_rng(index).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    return tuple(str(folder / f"{index}.png") for index in range(2))


def theirs(
    kind: Any,
    folder: Path,
    nets: list[Path],
    prompt: str,
    seed: int,
    steps: int = 6,
    sampler: Any = "ddim",
    **given: Any,
) -> Any:
    """[1, height, width, 3] by a pipeline of diffusers."""
    loaded = [ControlNetModel.from_pretrained(net, local_files_only=True) for net in nets]
    made = kind.from_pretrained(folder, controlnet=loaded if len(loaded) > 1 else loaded[0], local_files_only=True)
    made.set_progress_bar_config(disable=True)
    set_scheduler(made, sampler)
    side = made.unet.config.sample_size
    noise = initial_noise(seed, (4, side, side))[None]
    images = made(
        prompt, negative_prompt="a fist", num_inference_steps=steps, guidance_scale=7.5, output_type="np",
        latents=noise, **given,
    ).images  # fmt: skip
    return (images * 255).round().astype(np.uint8)


@pytest.mark.parametrize(("family", "kind"), [
    ("sd-1", StableDiffusionControlNetPipeline),
    ("sd-2", StableDiffusionControlNetPipeline),
    ("sdxl", StableDiffusionXLControlNetPipeline),
])  # fmt: skip
@pytest.mark.parametrize(("strength", "start", "end"), [(1.0, 0.0, 1.0), (0.6, 0.2, 0.7)])
def test_diffusers_draws_the_same(
    family_folders: dict[str, Path], pictures: tuple[str, ...], tmp_path: Path, family: str, kind: Any,
    strength: float, start: float, end: float,
) -> None:  # fmt: skip
    base = load_base(family_folders[family])
    net = make_net(base, tmp_path / "net", 1)
    requests = [
        request(prompt, seed, "a fist", controls=(picture,))
        for seed, (prompt, picture) in enumerate(zip(PROMPTS, pictures, strict=True))
    ]
    ours = drawn(base, requests, sampling(), [in_use(base, net, strength, start, end)])
    for index, (prompt, picture) in enumerate(zip(PROMPTS, pictures, strict=True)):
        other = theirs(
            kind, family_folders[family], [net], prompt, index, image=Image.open(picture),
            controlnet_conditioning_scale=strength, control_guidance_start=start, control_guidance_end=end,
        )  # fmt: skip
        assert largest_difference(ours[index : index + 1], other) <= ONE_LEVEL
    plain = drawn(base, [msgspec.structs.replace(item, controls=()) for item in requests], sampling())
    assert largest_difference(ours, plain) > 3


def test_several_act_at_once(base_folder: Path, pictures: tuple[str, ...], tmp_path: Path) -> None:
    base = load_base(base_folder)
    nets = [make_net(base, tmp_path / f"net{seed}", seed) for seed in (1, 2)]
    asked = [request(PROMPTS[0], 3, "a fist", controls=pictures)]
    controls = [in_use(base, nets[0], 0.5), in_use(base, nets[1], 0.8, 0.3)]
    ours = drawn(base, asked, sampling("euler"), controls)
    other = theirs(
        StableDiffusionControlNetPipeline, base_folder, nets, PROMPTS[0], 3, sampler="euler",
        image=[Image.open(path) for path in pictures], controlnet_conditioning_scale=[0.5, 0.8],
        control_guidance_start=[0.0, 0.3], control_guidance_end=[1.0, 1.0],
    )  # fmt: skip
    assert largest_difference(ours, other) <= ONE_LEVEL
    turned = [msgspec.structs.replace(asked[0], controls=pictures[::-1])]
    # The sum is taken in another order.
    assert largest_difference(ours, drawn(base, turned, sampling("euler"), controls[::-1])) <= ONE_LEVEL


def test_a_batch_gives_the_same_images_as_one_at_a_time(
    base_folder: Path, pictures: tuple[str, ...], tmp_path: Path
) -> None:
    base = load_base(base_folder)
    controls = [in_use(base, make_net(base, tmp_path / "net", 1))]
    requests = [request(PROMPTS[0], seed, "a fist", controls=(pictures[seed % 2],)) for seed in range(5)]
    together = drawn(base, requests, sampling(batch_size=4), controls)
    alone = np.concatenate([drawn(base, [item], sampling(batch_size=1), controls) for item in requests])
    assert largest_difference(together, alone) <= ONE_LEVEL


def test_it_acts_when_a_drawing_starts_from_an_image(
    base_folder: Path, pictures: tuple[str, ...], tmp_path: Path
) -> None:
    base = load_base(base_folder)
    net = make_net(base, tmp_path / "net", 1)
    image = InitialImage(file=pictures[1], strength=0.5, mask=None, mask_blur=0.0)
    asked = [request(PROMPTS[0], 2, "a fist", image, (pictures[0],))]
    ours = drawn(base, asked, sampling(), [in_use(base, net, end=0.7)])
    whole = drawn(base, asked, sampling(), [in_use(base, net)])
    without = drawn(base, [msgspec.structs.replace(asked[0], controls=())], sampling())
    # Three of six steps are left, of which 0.7 admit two.
    assert largest_difference(ours, whole) > 0 and largest_difference(ours, without) > 0


def test_one_that_has_learned_nothing_changes_nothing(
    base_folder: Path, pictures: tuple[str, ...], tmp_path: Path
) -> None:
    base = load_base(base_folder)
    (tmp_path / "net").mkdir()
    write_control_net(control_net_from(base, (16, 32), 1), tmp_path / "net", "float16", {})
    controls = [in_use(base, tmp_path / "net")]
    asked = [request(PROMPTS[0], 1, controls=(pictures[0],))]
    plain = drawn(base, [request(PROMPTS[0], 1)], sampling())
    assert np.array_equal(drawn(base, asked, sampling(), controls), plain)


def test_every_request_needs_its_pictures(base_folder: Path, tmp_path: Path) -> None:
    base = load_base(base_folder)
    controls = [in_use(base, make_net(base, tmp_path / "net", 1))]
    with pytest.raises(ConfigError) as caught:
        drawn(base, [request(PROMPTS[0])], sampling(), controls)
    assert caught.value.code == "control-picture-missing"


def test_files_that_do_not_fit_are_refused(family_folders: dict[str, Path], tmp_path: Path) -> None:
    base = load_base(family_folders["sd-1"])
    net = make_net(base, tmp_path / "net", 1)
    for family in ("sdxl", "sd-2"):
        with pytest.raises(ArtefactError) as caught:
            read_control_net(net, load_base(family_folders[family]))
        assert caught.value.code == "control-net-mismatch" and family in str(caught.value)
    file = net / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    for name, changed in {
        "lacking": {key: item for key, item in tensors.items() if "mid_block" not in key},
        "more": tensors | {"another.weight": torch.ones(2)},
    }.items():
        save_file(changed, tmp_path / f"{name}.safetensors")
        with pytest.raises(ArtefactError) as caught:
            read_control_net(tmp_path / f"{name}.safetensors", base)
        assert caught.value.code == "control-net-mismatch"
    save_file({**tensors, "conv_in.bias": tensors["conv_in.bias"] / 0}, tmp_path / "infinite.safetensors")
    with pytest.raises(ArtefactError, match=r"conv_in\.bias") as caught:
        read_control_net(tmp_path / "infinite.safetensors", base)
    assert caught.value.code == "weights-not-finite"
    save_file({"weight": torch.ones(2)}, tmp_path / "other.safetensors")
    for path in (tmp_path / "other.safetensors", tmp_path):
        with pytest.raises(ArtefactError) as caught:
            read_control_net(path, base)
        assert caught.value.code == "not-a-control-net"


def test_a_file_in_the_first_publications_layout_is_read(tmp_path: Path) -> None:
    architecture = msgspec.structs.replace(ARCHITECTURE, autoencoder_channels=(8, 8, 8, 8), image_size=64)
    base = load_base(make_base(tmp_path / "base", architecture=architecture))
    module = control_net_from(base, (16, 32, 96, 256), 1)
    save_file(first_layout(module.state_dict()), tmp_path / "depth.safetensors")
    read = read_control_net(tmp_path / "depth.safetensors", base)
    assert all(torch.equal(item, read.module.state_dict()[name]) for name, item in module.state_dict().items())


def first_layout(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The names of `cldm.py`, written down by hand for one layer a block."""
    resnet = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1",
              "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}  # fmt: skip
    hints = ["conv_in", *(f"blocks.{place}" for place in range(6)), "conv_out"]
    exact = {
        "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
        "conv_in": "input_blocks.0.0", "controlnet_mid_block": "middle_block_out.0",
        **{f"controlnet_cond_embedding.{name}": f"input_hint_block.{2 * place}" for place, name in enumerate(hints)},
        **{f"controlnet_down_blocks.{place}": f"zero_convs.{place}.0" for place in range(8)},
    }  # fmt: skip
    prefixes = {"mid_block.resnets.0.": "middle_block.0.", "mid_block.attentions.0.": "middle_block.1.",
                "mid_block.resnets.1.": "middle_block.2."}  # fmt: skip
    for block in range(4):
        prefixes[f"down_blocks.{block}.resnets.0."] = f"input_blocks.{2 * block + 1}.0."
        prefixes[f"down_blocks.{block}.attentions.0."] = f"input_blocks.{2 * block + 1}.1."
        prefixes[f"down_blocks.{block}.downsamplers.0.conv."] = f"input_blocks.{2 * block + 2}.0.op."
    renamed = {}
    for name, tensor in tensors.items():
        stem, _, kind = name.rpartition(".")
        if stem in exact:
            renamed[f"control_model.{exact[stem]}.{kind}"] = tensor
            continue
        prefix = next(start for start in prefixes if name.startswith(start))
        rest = name.removeprefix(prefix)
        head = rest.partition(".")[0]
        if ".resnets." in prefix:
            rest = rest.replace(head, resnet[head], 1)
        renamed[f"control_model.{prefixes[prefix]}{rest}"] = tensor
    return renamed
