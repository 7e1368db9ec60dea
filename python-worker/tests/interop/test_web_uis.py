"""The rules by which A1111's web UI (1.10.1) and ComfyUI (0.12.1) find layers, tokens and facts in files.

These need no checkout. `test_a1111.py` and `test_comfyui.py` run the readers themselves.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
import torch
from torch import Tensor

from phalanx_worker.artefacts.tensors import read_metadata, read_tensors
from phalanx_worker.model.base import Base
from phalanx_worker.model.load import load_base
from phalanx_worker.model.single_file_layout import CLIP, OPEN_CLIP
from phalanx_worker.model.single_file_save import ldm_tensors
from tests.interop.files import EMBEDDING, LOCON, exported
from tests.small import ARCHITECTURES, make_base

FAMILIES = ("sd-1", "sd-2", "sdxl")
UNET = "model.diffusion_model."
# ComfyUI knows these layers of a text encoder, by these names, and no others.
CLIP_LAYERS = ("mlp_fc1", "mlp_fc2", *(f"self_attn_{name}_proj" for name in ("k", "q", "v", "out")))
OPEN_CLIP_MODULES = {"sd-2": "lora_te", "sdxl": "lora_te2"}
CLIP_PREFIXES = {"sd-1": ("lora_te",), "sd-2": ("lora_te",), "sdxl": ("lora_te1", "lora_te2")}


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Base]:
    """Two residual layers a block, as in the published bases, whose numbering A1111 has in its rules."""
    parent = tmp_path_factory.mktemp("bases")
    changed = {name: msgspec.structs.replace(ARCHITECTURES[name], unet_layers_per_block=2) for name in FAMILIES}
    return {name: load_base(make_base(parent / name, 1, changed[name])) for name in FAMILIES}


def layers_of(path: Path) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
    """Down, up and alpha by the name of the layer, which is what comes before the first dot, in both programs."""
    tensors = read_tensors(path)
    ends = ("lora_down.weight", "lora_up.weight", "alpha")
    names = {name.split(".", 1)[0] for name in tensors}
    assert {f"{name}.{end}" for name in names for end in ends} == tensors.keys()
    return {name: tuple(tensors[f"{name}.{end}"] for end in ends) for name in names}  # type: ignore[misc]


@pytest.mark.parametrize("family", FAMILIES)
def test_comfyui_finds_every_layer(bases: dict[str, Base], tmp_path: Path, family: str) -> None:
    base = bases[family]
    # Its names of the UNet are those in a checkpoint, or those of diffusers, with underscores for dots.
    known = {f"lora_unet_{dotless(name, UNET)}": tensor for name, tensor in ldm_tensors(base).items() if UNET in name}
    if family != "sdxl":
        own = base.unet.state_dict()
        known = {f"lora_unet_{dotless(name)}": tensor for name, tensor in own.items()}
    for name, (down, up, alpha) in layers_of(exported(base, LOCON, tmp_path)).items():
        assert alpha.numel() == 1
        if name.startswith("lora_unet_"):
            # It takes the product of both, flattened, into the shape of the weight.
            assert (up.flatten(1) @ down.flatten(1)).numel() == known[name].numel(), name
        else:
            found = re.fullmatch(r"(lora_te[12]?)_text_model_encoder_layers_\d+_(\w+)", name)
            assert found and found[1] in CLIP_PREFIXES[family] and found[2] in CLIP_LAYERS, name


@pytest.mark.parametrize("family", FAMILIES)
def test_a1111_finds_every_layer(bases: dict[str, Base], tmp_path: Path, family: str) -> None:
    base = bases[family]
    known = {dotless(name) for name in ldm_tensors(base)}
    for name in layers_of(exported(base, LOCON, tmp_path)):
        module, _, inner = name.partition("_unet_" if "_unet_" in name else "_text_model_encoder_layers_")
        if module == "lora":
            path = dotless(UNET) + (inner if family == "sdxl" else by_a1111(inner))
        elif module == OPEN_CLIP_MODULES.get(family):
            path = dotless(OPEN_CLIP[family]) + resblock_by_a1111(inner)
        else:
            path = f"{dotless(CLIP[family])}text_model_encoder_layers_{inner}"
        assert path in known, name


def resblock_by_a1111(name: str) -> str:
    """Where A1111 looks for a layer of OpenCLIP, whose three first projections are one weight."""
    for own, theirs in {"mlp_fc1": "mlp_c_fc", "mlp_fc2": "mlp_c_proj", "self_attn": "attn"}.items():
        name = name.replace(own, theirs)
    return f"transformer_resblocks_{re.sub('[qkv]_proj$', 'in_proj_weight', name)}"


def by_a1111(name: str) -> str:
    """Where A1111 looks for a layer by diffusers' name: in its own model, which has the names of checkpoints."""
    inner = {"norm1": "in_layers_0", "conv1": "in_layers_2", "time_emb_proj": "emb_layers_1", "norm2": "out_layers_0",
             "conv2": "out_layers_3", "conv_shortcut": "skip_connection"}  # fmt: skip
    if found := re.fullmatch(r"mid_block_(attentions|resnets)_(\d)_(.+)", name):
        place = 1 if found[1] == "attentions" else 2 * int(found[2])
        return f"middle_block_{place}_{inner.get(found[3], found[3])}"
    if found := re.fullmatch(r"down_blocks_(\d)_downsamplers_0_conv", name):
        return f"input_blocks_{3 + 3 * int(found[1])}_0_op"
    if found := re.fullmatch(r"up_blocks_(\d)_upsamplers_0_conv", name):
        return f"output_blocks_{2 + 3 * int(found[1])}_{2 if int(found[1]) > 0 else 1}_conv"
    found = re.fullmatch(r"(down|up)_blocks_(\d)_(attentions|resnets)_(\d)_(.+)", name)
    assert found, name
    place = 3 * int(found[2]) + int(found[4]) + (found[1] == "down")
    way = "input" if found[1] == "down" else "output"
    return f"{way}_blocks_{place}_{int(found[3] == 'attentions')}_{inner.get(found[5], found[5])}"


def dotless(name: str, prefix: str = "") -> str:
    return name.removeprefix(prefix).removesuffix(".weight").replace(".", "_")


@pytest.mark.parametrize("family", FAMILIES)
def test_a1111_tells_family_name_and_hash_from_the_metadata(
    bases: dict[str, Base], tmp_path: Path, family: str
) -> None:
    metadata = read_metadata(exported(bases[family], LOCON, tmp_path, "five-fingers"))
    # In this order, as it sorts files into families.
    if metadata["ss_base_model_version"].startswith("sdxl_"):
        told = "sdxl"
    else:
        told = "sd-2" if metadata["ss_v2"] == "True" else "sd-1"
    assert told == family
    assert metadata["ss_output_name"] == "five-fingers"
    assert re.fullmatch(r"[0-9a-f]{64}", metadata["sshs_model_hash"])
    assert metadata["modelspec.title"] == "five-fingers"


@pytest.mark.parametrize("family", FAMILIES)
def test_both_read_an_embedding_under_the_name_of_its_file(bases: dict[str, Base], tmp_path: Path, family: str) -> None:
    base = bases[family]
    tensors = read_tensors(exported(base, EMBEDDING, tmp_path, "five-fingers"))
    if family == "sdxl":
        assert tensors.keys() == {"clip_l", "clip_g"}
    else:
        # Whatever it is called, the one tensor is taken; with several, ComfyUI takes the first and A1111 none.
        assert len(tensors) == 1
    widths = [int(encoder.config.hidden_size) for encoder in base.text_encoders]
    assert [tuple(tensor.shape) for tensor in ordered(tensors)] == [(2, width) for width in widths]
    assert all(tensor.dtype == torch.float32 for tensor in tensors.values())


def ordered(tensors: dict[str, Tensor]) -> list[Tensor]:
    return [tensors[name] for name in sorted(tensors, reverse=True)]
