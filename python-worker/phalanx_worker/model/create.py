"""A new base of the SD 1 breed with random weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

from phalanx_worker.artefacts.atomic import whole_folder
from phalanx_worker.errors import ConfigError
from phalanx_worker.model.save import MODEL_INDEX, StoredType, write_json, write_parts
from phalanx_worker.model.vocabulary import END, LENGTH, START, learn_vocabulary, write_tokenizer
from phalanx_worker.protocol.messages import BaseArchitecture

SCHEDULER_CONFIG: Mapping[str, Any] = {
    "_class_name": "DDIMScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "timestep_spacing": "leading",
    "trained_betas": None,
}


def create_base(
    architecture: BaseArchitecture, captions: Sequence[str], seed: int, output: Path, weights: StoredType
) -> None:
    """Write a base that diffusers' StableDiffusionPipeline loads; `output` appears when it is whole.

    Raises ConfigError (`architecture-mismatch`) when sizes do not divide, ArtefactError (`disk-full`).
    """
    _check(architecture)
    vocabulary, merges = learn_vocabulary(captions, architecture.vocabulary_size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts = _random_parts(architecture, vocabulary)
    with whole_folder(output) as folder:
        write_parts(folder, parts, weights)
        write_tokenizer(folder / "tokenizer", vocabulary, merges)
        write_json(folder / "scheduler/scheduler_config.json", SCHEDULER_CONFIG)
        write_json(folder / "model_index.json", MODEL_INDEX)


def _random_parts(architecture: BaseArchitecture, vocabulary: Mapping[str, int]) -> dict[str, nn.Module]:
    levels = len(architecture.autoencoder_channels)
    reduction = 2 ** (levels - 1)
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
        # Without attention it works alike on crops and whole images.
        mid_block_add_attention=False,
    )
    unet = UNet2DConditionModel(
        sample_size=architecture.image_size // reduction,
        in_channels=architecture.latent_channels,
        out_channels=architecture.latent_channels,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        block_out_channels=architecture.unet_channels,
        layers_per_block=architecture.unet_layers_per_block,
        attention_head_dim=architecture.unet_attention_heads,
        cross_attention_dim=architecture.text_width,
        norm_num_groups=architecture.norm_groups,
    )
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(vocabulary),
            hidden_size=architecture.text_width,
            intermediate_size=4 * architecture.text_width,
            projection_dim=architecture.text_width,
            num_hidden_layers=architecture.text_layers,
            num_attention_heads=architecture.text_heads,
            max_position_embeddings=LENGTH,
            hidden_act="quick_gelu",
            bos_token_id=vocabulary[START],
            eos_token_id=vocabulary[END],
            pad_token_id=vocabulary[END],
        )
    )
    return {"unet": unet, "vae": autoencoder, "text_encoder": text_encoder}


def _check(architecture: BaseArchitecture) -> None:
    reduction = 2 ** (len(architecture.autoencoder_channels) - 1)
    channels = (*architecture.autoencoder_channels, *architecture.unet_channels)
    problems = {
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
