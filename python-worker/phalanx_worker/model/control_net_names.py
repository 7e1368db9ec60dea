"""Names of a ControlNet's layers in the layout of its first publication, which follows LDM, for those of diffusers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from phalanx_worker.model.ldm_names import ldm_unet_path

PREFIX = "control_model."
HINT = "controlnet_cond_embedding."
ZERO_CONVOLUTION = re.compile(r"controlnet_down_blocks\.(\d+)\.(.*)")


def ldm_control_net_path(path: str, config: Mapping[str, Any]) -> str:
    """`zero_convs.3.0.weight` for `controlnet_down_blocks.3.weight` of a network with a `config` of diffusers.

    The levels that read the picture are one flat list there, with an activation behind every convolution.
    """
    zero = ZERO_CONVOLUTION.fullmatch(path)
    if zero is not None:
        return f"zero_convs.{zero[1]}.0.{zero[2]}"
    if path.startswith("controlnet_mid_block."):
        return path.replace("controlnet_mid_block.", "middle_block_out.0.")
    if not path.startswith(HINT):
        return ldm_unet_path(path, config)
    layer, _, kind = path.removeprefix(HINT).rpartition(".")
    within = 2 * (len(config["conditioning_embedding_out_channels"]) - 1)
    place = {"conv_in": 0, "conv_out": within + 1}.get(layer)
    if place is None:
        place = 1 + int(layer.removeprefix("blocks."))
    return f"input_hint_block.{2 * place}.{kind}"


def hint_channels(tensors: Mapping[str, Tensor]) -> tuple[int, ...]:
    """Channels of the levels that read the picture, by the names of either layout.

    Each level has two convolutions, the second of which leads to the next; behind the last one comes another to the
    UNet's own width.
    """
    diffusers = f"{HINT}conv_in.weight" in tensors
    plain = {name.removeprefix(PREFIX): tensor for name, tensor in tensors.items()}
    channels: list[int] = []
    while True:
        level = len(channels)
        name = f"{HINT}blocks.{2 * level - 1}" if diffusers else f"input_hint_block.{4 * level}"
        first = f"{HINT}conv_in" if diffusers and level == 0 else name
        weight = plain.get(f"{first}.weight")
        if weight is None:
            return tuple(channels)
        channels.append(int(weight.shape[0]))
