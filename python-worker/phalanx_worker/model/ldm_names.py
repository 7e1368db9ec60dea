"""Names of layers in the layout of the original Latent Diffusion code (LDM), for those of diffusers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

ENDS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
RESIDUAL = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
MIDDLE = {"resnets.0": "middle_block.0", "attentions.0": "middle_block.1", "resnets.1": "middle_block.2"}
BLOCK = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)(.*)")
AUTOENCODER = {
    ".conv_norm_out.": ".norm_out.",
    "conv_shortcut": "nin_shortcut",
    "mid_block.resnets.0": "mid.block_1",
    "mid_block.resnets.1": "mid.block_2",
    "mid_block.attentions.0": "mid.attn_1",
    ".group_norm.": ".norm.",
    ".to_q.": ".q.",
    ".to_k.": ".k.",
    ".to_v.": ".v.",
    ".to_out.0.": ".proj_out.",
    ".resnets.": ".block.",
    ".downsamplers.0.": ".downsample.",
    ".upsamplers.0.": ".upsample.",
    ".down_blocks.": ".down.",
}
UP_LEVEL = re.compile(r"\.up_blocks\.(\d+)\.")


def ldm_unet_path(path: str, config: Mapping[str, Any]) -> str:
    """`input_blocks.4.1.proj_in` for `down_blocks.1.attentions.0.proj_in`, of a layer or of one of its tensors.

    Where LDM has one flat list of blocks each way, diffusers has levels; `config` is the UNet's, whose
    `layers_per_block` and `up_block_types` tell how many there are. Raises ValueError for a layer that LDM has not.
    """
    for own, other in ENDS.items():
        if path == own or path.startswith(f"{own}."):
            return other + path.removeprefix(own)
    for own, other in MIDDLE.items():
        if path.startswith(f"mid_block.{own}."):
            return other + _inner(path.removeprefix(f"mid_block.{own}"))
    found = BLOCK.fullmatch(path)
    if found is None:
        raise ValueError(f"LDM has no layer {path}")
    way, level, kind, layer, rest = found.group(1), int(found.group(2)), found.group(3), int(found.group(4)), found[5]
    layers = int(config["layers_per_block"])
    if way == "down":
        # The first block is `conv_in`; every level but the last ends with its downsampler.
        first = 1 + level * (layers + 1)
        if kind == "downsamplers":
            return f"input_blocks.{first + layers}.0.op" + rest.removeprefix(".conv")
        return f"input_blocks.{first + layer}.{int(kind == 'attentions')}{_inner(rest)}"
    first = level * (layers + 1)
    if kind == "upsamplers":
        # It comes behind the residual and, where the level has it, the attention.
        place = 2 if "CrossAttn" in config["up_block_types"][level] else 1
        return f"output_blocks.{first + layers}.{place}{rest}"
    return f"output_blocks.{first + layer}.{int(kind == 'attentions')}{_inner(rest)}"


def _inner(rest: str) -> str:
    name, _, end = rest.removeprefix(".").partition(".")
    return f".{RESIDUAL.get(name, name)}" + (f".{end}" if end else "")


def ldm_autoencoder_path(path: str, levels: int) -> str:
    """`decoder.up.3.block.0.conv1.weight` for `decoder.up_blocks.0.resnets.0.conv1.weight` of an autoencoder of four.

    LDM numbers the decoder's levels from the image inwards, the other way round.
    """
    path = UP_LEVEL.sub(lambda found: f".up.{levels - 1 - int(found[1])}.", path)
    for own, other in AUTOENCODER.items():
        path = path.replace(own, other)
    return path
