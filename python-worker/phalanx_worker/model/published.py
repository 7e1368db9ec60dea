"""The layouts of published bases, and bases of which there is everything but the numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import torch
from transformers import CLIPTokenizer

from phalanx_worker.model.base import AS_TRAINED, Base
from phalanx_worker.model.create import SCHEDULER_CONFIG
from phalanx_worker.model.families import recognise
from phalanx_worker.model.load import empty_parts, read_tokenizer
from phalanx_worker.model.noise_schedule import noise_schedule_from_config
from phalanx_worker.model.save import module_config
from phalanx_worker.model.vocabulary import END, START, ZERO, learn_vocabulary, write_tokenizer

Configs = Mapping[str, Mapping[str, Any]]

AUTOENCODER: Mapping[str, Any] = {
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "block_out_channels": [128, 256, 512, 512],
    "layers_per_block": 2,
}
VOCABULARY_SIZE = 49_408
CLIP_L: Mapping[str, Any] = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "vocab_size": VOCABULARY_SIZE,
}
UNET: Mapping[str, Any] = {
    "sample_size": 64,
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
    "block_out_channels": [320, 640, 1280, 1280],
    "layers_per_block": 2,
    "attention_head_dim": 8,
    "cross_attention_dim": 768,
}
PUBLISHED: Mapping[str, Configs] = MappingProxyType(
    {
        "sd-1.5": {"unet": UNET, "vae": AUTOENCODER, "text_encoder": CLIP_L},
        "sd-2.1": {
            "unet": {
                **UNET,
                "sample_size": 96,
                "attention_head_dim": [5, 10, 20, 20],
                "cross_attention_dim": 1024,
                "use_linear_projection": True,
            },
            "vae": AUTOENCODER,
            "text_encoder": {
                **CLIP_L,
                "hidden_size": 1024,
                "intermediate_size": 4096,
                "num_hidden_layers": 23,
                "num_attention_heads": 16,
                "hidden_act": "gelu",
            },
        },
        "sdxl-1.0": {
            "unet": {
                **UNET,
                "sample_size": 128,
                "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
                "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
                "block_out_channels": [320, 640, 1280],
                "transformer_layers_per_block": [1, 2, 10],
                "attention_head_dim": [5, 10, 20],
                "cross_attention_dim": 2048,
                "use_linear_projection": True,
                "addition_embed_type": "text_time",
                "addition_time_embed_dim": 256,
                "projection_class_embeddings_input_dim": 2816,
            },
            "vae": {**AUTOENCODER, "scaling_factor": 0.13025},
            "text_encoder": CLIP_L,
            "text_encoder_2": {
                **CLIP_L,
                "hidden_size": 1280,
                "intermediate_size": 5120,
                "num_hidden_layers": 32,
                "num_attention_heads": 20,
                "projection_dim": 1280,
                "hidden_act": "gelu",
            },
        },
    }
)
"""Part to config, cut down to what shapes the layers of Stable Diffusion 1.5, 2.1 (768 pixels) and XL 1.0."""
PREDICTIONS = {"sd-1.5": "epsilon", "sd-2.1": "v_prediction", "sdxl-1.0": "epsilon"}


def published_base(name: str, words: Sequence[str]) -> Base:
    """A published base without its numbers: all layers in their sizes, on torch's meta device.

    Its vocabulary is of the published size and made up, but for `words`, each of which is one token.
    """
    configs = PUBLISHED[name]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        tokenizer, second = _tokenizers(folder, words)
    with torch.device("meta"):
        parts = empty_parts(configs)
    scheduler_config = {**SCHEDULER_CONFIG, "prediction_type": PREDICTIONS[name]}
    return Base(
        unet=parts["unet"],
        autoencoder=parts["vae"],
        text_encoder=parts["text_encoder"],
        tokenizer=tokenizer,
        text_encoder_2=parts.get("text_encoder_2"),
        tokenizer_2=second if "text_encoder_2" in configs else None,
        noise_schedule=noise_schedule_from_config(scheduler_config),
        scheduler_config=scheduler_config,
        family=recognise(Path(name), configs),
        text=AS_TRAINED,
        folder=Path(name),
        sha256="",
    )


def without_numbers(base: Base) -> Base:
    """The layers of a base on torch's meta device: what is attached to it or changed in it costs no memory."""
    with torch.device("meta"):
        parts = empty_parts({part: module_config(module) for part, module in base.parts.items()})
    return with_parts(base, parts)


def with_parts(base: Base, parts: Mapping[str, Any]) -> Base:
    """A base with other layers, by the names of their folders."""
    return dataclasses.replace(
        base,
        unet=parts["unet"],
        autoencoder=parts["vae"],
        text_encoder=parts["text_encoder"],
        text_encoder_2=parts.get("text_encoder_2"),
    )


def _tokenizers(folder: Path, words: Sequence[str]) -> tuple[CLIPTokenizer, CLIPTokenizer]:
    vocabulary, merges = learn_vocabulary(words, VOCABULARY_SIZE)
    tokens = [token for token in vocabulary if token not in (START, END)]
    tokens += [f"<|{index}|>" for index in range(VOCABULARY_SIZE - 2 - len(tokens))]
    filled = {token: index for index, token in enumerate([*tokens, START, END])}
    for name, padding in (("tokenizer", END), ("tokenizer_2", ZERO)):
        write_tokenizer(folder / name, filled, merges, padding)
    return read_tokenizer(folder / "tokenizer"), read_tokenizer(folder / "tokenizer_2")
