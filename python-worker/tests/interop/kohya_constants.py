"""The sizes that sd-scripts has in its code. Runs within its interpreter."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path


def set_constants(base: Path, sdxl: bool) -> None:
    """Give its UNets, whose sizes are constants of their modules, those of a small base before one is built."""
    config = json.loads((base / "unet/config.json").read_text("utf-8"))
    channels = config["block_out_channels"]
    if not sdxl:
        unet = import_module("library.original_unet")
        unet.BLOCK_OUT_CHANNELS = tuple(channels)
        unet.TIMESTEP_INPUT_DIM, unet.TIME_EMBED_DIM = channels[0], 4 * channels[0]
        return
    unet = import_module("library.sdxl_original_unet")
    unet.MODEL_CHANNELS, unet.TIME_EMBED_DIM = channels[0], 4 * channels[0]
    unet.ADM_IN_CHANNELS = config["projection_class_embeddings_input_dim"]
    training = import_module("library.sdxl_train_util")
    embedded, width = training.get_timestep_embedding, config["addition_time_embed_dim"]
    training.get_timestep_embedding = lambda sizes, _: embedded(sizes, width)
