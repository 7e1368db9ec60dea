"""A new base with random weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from phalanx_worker.artefacts.atomic import whole_folder
from phalanx_worker.errors import ConfigError
from phalanx_worker.model.families import SCALING_FACTORS, SIZES_AND_CROP
from phalanx_worker.model.save import StoredType, model_index, write_json, write_parts
from phalanx_worker.model.vocabulary import END, LENGTH, START, ZERO, learn_vocabulary, write_tokenizer
from phalanx_worker.protocol.messages import BaseArchitecture

SIZE_WIDTH = 32
"""Width of the embedding of each of SDXL's sizes; the real one has 256."""
SCHEDULER_CONFIG: Mapping[str, Any] = {
    "_class_name": "DDIMScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "timestep_spacing": "leading",
    "trained_betas": None,
}


def create_base(
    architecture: BaseArchitecture, captions: Sequence[str], seed: int, output: Path, weights: StoredType
) -> None:
    """Write a base that diffusers' pipeline of its family loads; `output` appears when it is whole.

    Raises ConfigError (`architecture-mismatch`) when sizes do not divide, ArtefactError (`disk-full`).
    """
    _check(architecture)
    vocabulary, merges = learn_vocabulary(captions, architecture.vocabulary_size)
    scheduler_config = {**SCHEDULER_CONFIG, "prediction_type": architecture.prediction}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts = _random_parts(architecture, vocabulary)
    with whole_folder(output) as folder:
        write_parts(folder, parts, weights)
        write_tokenizer(folder / "tokenizer", vocabulary, merges, ZERO if architecture.family == "sd-2" else END)
        if architecture.family == "sdxl":
            write_tokenizer(folder / "tokenizer_2", vocabulary, merges, ZERO)
        write_json(folder / "scheduler/scheduler_config.json", scheduler_config)
        index = model_index(architecture.family, architecture.inpainting, scheduler_config)
        write_json(folder / "model_index.json", index)


def _random_parts(architecture: BaseArchitecture, vocabulary: Mapping[str, int]) -> dict[str, nn.Module]:
    levels = len(architecture.autoencoder_channels)
    autoencoder = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=architecture.autoencoder_channels,
        layers_per_block=architecture.autoencoder_layers_per_block,
        latent_channels=architecture.latent_channels,
        norm_num_groups=architecture.norm_groups,
        sample_size=architecture.image_size,
        scaling_factor=SCALING_FACTORS[architecture.family],
        # Without attention it works alike on crops and whole images.
        mid_block_add_attention=False,
    )
    unet = UNet2DConditionModel(**_unet_config(architecture))
    activation = "gelu" if architecture.family == "sd-2" else "quick_gelu"
    width, layers = architecture.text_width, architecture.text_layers
    text_encoder = CLIPTextModel(_text_config(architecture, vocabulary, width, layers, activation))
    parts: dict[str, nn.Module] = {"unet": unet, "vae": autoencoder, "text_encoder": text_encoder}
    if architecture.family == "sdxl":
        width, layers = architecture.second_text_width, architecture.second_text_layers
        second = _text_config(architecture, vocabulary, width, layers, "gelu")
        parts["text_encoder_2"] = CLIPTextModelWithProjection(second)
    return parts


def _unet_config(architecture: BaseArchitecture) -> dict[str, Any]:
    channels = architecture.latent_channels
    layout: dict[str, Any] = {
        "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        "cross_attention_dim": architecture.text_width,
    }
    if architecture.family == "sdxl":
        layout = {
            "down_block_types": ("DownBlock2D",) + ("CrossAttnDownBlock2D",) * 2,
            "up_block_types": ("CrossAttnUpBlock2D",) * 2 + ("UpBlock2D",),
            "cross_attention_dim": architecture.text_width + architecture.second_text_width,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": SIZE_WIDTH,
            "projection_class_embeddings_input_dim": SIZES_AND_CROP * SIZE_WIDTH + architecture.second_text_width,
        }
    return {
        **layout,
        "sample_size": architecture.image_size // 2 ** (len(architecture.autoencoder_channels) - 1),
        "in_channels": 2 * channels + 1 if architecture.inpainting else channels,
        "out_channels": channels,
        "block_out_channels": architecture.unet_channels,
        "layers_per_block": architecture.unet_layers_per_block,
        "transformer_layers_per_block": list(architecture.transformer_layers or [1] * len(architecture.unet_channels)),
        "use_linear_projection": architecture.family != "sd-1",
        # Diffusers' name for the number of heads.
        "attention_head_dim": architecture.unet_attention_heads,
        "norm_num_groups": architecture.norm_groups,
    }


def _text_config(
    architecture: BaseArchitecture, vocabulary: Mapping[str, int], width: int, layers: int, activation: str
) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(vocabulary),
        hidden_size=width,
        intermediate_size=4 * width,
        projection_dim=width,
        num_hidden_layers=layers,
        num_attention_heads=architecture.text_heads,
        max_position_embeddings=LENGTH,
        hidden_act=activation,
        bos_token_id=vocabulary[START],
        eos_token_id=vocabulary[END],
        pad_token_id=vocabulary[END],
    )


def _check(architecture: BaseArchitecture) -> None:
    reduction = 2 ** (len(architecture.autoencoder_channels) - 1)
    channels = (*architecture.autoencoder_channels, *architecture.unet_channels)
    width, heads = architecture.second_text_width, architecture.text_heads
    levels = 3 if architecture.family == "sdxl" else 4
    problems = {
        f"unetChannels must name {levels} levels for {architecture.family}": len(architecture.unet_channels) != levels,
        f"transformerLayers must name {levels} levels or be null": len(architecture.transformer_layers or [1] * levels)
        != levels,
        "textHeads must divide secondTextWidth": architecture.family == "sdxl" and width % heads != 0,
        f"imageSize must be a multiple of {reduction * 8}, the reductions of autoencoder and UNet": (
            architecture.image_size % (reduction * 8) != 0
        ),
        "normGroups must divide every channel count": any(count % architecture.norm_groups for count in channels),
        "unetAttentionHeads must divide every channel count of the UNet": any(
            count % architecture.unet_attention_heads for count in architecture.unet_channels
        ),
        "textHeads must divide textWidth": architecture.text_width % architecture.text_heads != 0,
    }
    found = [problem for problem, applies in problems.items() if applies]
    if found:
        raise ConfigError(f"{'; '.join(found)}.", code="architecture-mismatch", facts={"problems": "; ".join(found)})
