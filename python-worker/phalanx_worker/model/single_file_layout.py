"""The architecture of a single-file checkpoint, from the names and shapes of its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from phalanx_worker.errors import ArtefactError
from phalanx_worker.model.base import Family
from phalanx_worker.model.families import SCALING_FACTORS, SIZES_AND_CROP

Shapes = Mapping[str, tuple[int, ...]]
Config = dict[str, Any]

UNET, AUTOENCODER = "model.diffusion_model.", "first_stage_model."
CLIP = {"sd-1": "cond_stage_model.transformer.", "sdxl": "conditioner.embedders.0.transformer."}
OPEN_CLIP = {"sd-2": "cond_stage_model.model.", "sdxl": "conditioner.embedders.1.model."}
NAMED = "text_model."
"""Level between CLIP's prefix and its layers, which the first SD 1 files do not have."""
HEADS, HEAD_WIDTH = 8, 64
"""What no shape tells and LDM's configs say: SD 1 has so many heads in its UNet, all else heads of this width."""


def checkpoint_family(path: Path, shapes: Shapes) -> Family:
    """By the text encoders in the file.

    Raises ArtefactError: `not-a-base` (says what is missing), `family-mismatch` (SDXL's refiner).
    """
    missing = [
        name for name, prefix in {"UNet": UNET, "autoencoder": AUTOENCODER}.items() if not _under(shapes, prefix)
    ]
    found: list[Family] = [
        family
        for family in ("sd-1", "sd-2", "sdxl")
        if all(_under(shapes, prefixes[family]) for prefixes in (CLIP, OPEN_CLIP) if family in prefixes)
    ]
    if _under(shapes, "conditioner.embedders.0.model."):
        raise ArtefactError(
            f"{path} is the refiner of SDXL, which draws nothing from text alone. Use the base checkpoint.",
            code="family-mismatch",
            facts={"path": str(path), "reasons": "it is the refiner of SDXL"},
        )
    if missing or not found:
        lacks = ", ".join([*missing, *([] if found else ["text encoder of SD 1, SD 2 or SDXL"])])
        raise ArtefactError(
            f"{path} is not a whole Stable Diffusion in the single-file layout: it has no {lacks}. "
            "An adapter goes with a base; a checkpoint must hold all three parts.",
            code="not-a-base",
            facts={"path": str(path), "missing": lacks},
        )
    return found[0]


def checkpoint_configs(family: Family, shapes: Shapes, velocity: bool) -> dict[str, Config]:
    """The config of each part, as diffusers' folders have them."""
    configs = {"unet": _unet(family, shapes, velocity), "vae": _autoencoder(family, shapes)}
    if family == "sd-2":
        return {**configs, "text_encoder": _open_clip(shapes, OPEN_CLIP[family], unused=1)}
    configs["text_encoder"] = _clip(shapes, CLIP[family])
    if family == "sdxl":
        configs["text_encoder_2"] = _open_clip(shapes, OPEN_CLIP[family], unused=0)
        added = shapes[f"{UNET}label_emb.0.0.weight"][1]
        pooled = int(configs["text_encoder_2"]["projection_dim"])
        configs["unet"] |= {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": (added - pooled) // SIZES_AND_CROP,
            "projection_class_embeddings_input_dim": added,
        }
    return configs


def _unet(family: Family, shapes: Shapes, velocity: bool) -> Config:
    count = _count(shapes, f"{UNET}input_blocks.")
    levels: list[list[int]] = [[]]
    for place in range(1, count):
        if f"{UNET}input_blocks.{place}.0.op.weight" in shapes:
            levels.append([])
        else:
            levels[-1].append(place)
    attending = [f"{UNET}input_blocks.{level[0]}.1.norm.weight" in shapes for level in levels]
    channels = [shapes[f"{UNET}input_blocks.{level[0]}.0.out_layers.3.weight"][0] for level in levels]
    middle = _count(shapes, f"{UNET}middle_block.1.transformer_blocks.")
    depths = [
        _count(shapes, f"{UNET}input_blocks.{level[0]}.1.transformer_blocks.") if attends else 1
        for level, attends in zip(levels, attending, strict=True)
    ]
    depths[-1] = middle
    first = shapes[f"{UNET}input_blocks.0.0.weight"]
    sides = {"sd-1": 64, "sd-2": 96 if velocity else 64, "sdxl": 128}
    return {
        "sample_size": sides[family],
        "in_channels": first[1],
        "out_channels": shapes[f"{UNET}out.2.weight"][0],
        "down_block_types": [f"{'CrossAttn' if attends else ''}DownBlock2D" for attends in attending],
        "up_block_types": [f"{'CrossAttn' if attends else ''}UpBlock2D" for attends in reversed(attending)],
        "block_out_channels": channels,
        "layers_per_block": len(levels[0]),
        "transformer_layers_per_block": depths,
        "cross_attention_dim": shapes[f"{UNET}middle_block.1.transformer_blocks.0.attn2.to_k.weight"][1],
        "use_linear_projection": len(shapes[f"{UNET}middle_block.1.proj_in.weight"]) == 2,
        "attention_head_dim": HEADS if family == "sd-1" else [width // HEAD_WIDTH for width in channels],
    }


def _autoencoder(family: Family, shapes: Shapes) -> Config:
    levels = _count(shapes, f"{AUTOENCODER}encoder.down.")
    return {
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "block_out_channels": [
            shapes[f"{AUTOENCODER}encoder.down.{level}.block.0.conv2.weight"][0] for level in range(levels)
        ],
        "layers_per_block": _count(shapes, f"{AUTOENCODER}encoder.down.0.block."),
        "latent_channels": shapes[f"{AUTOENCODER}decoder.conv_in.weight"][1],
        "scaling_factor": SCALING_FACTORS[family],
        "mid_block_add_attention": f"{AUTOENCODER}encoder.mid.attn_1.q.weight" in shapes,
    }


def _clip(shapes: Shapes, prefix: str) -> Config:
    inner = prefix + (NAMED if _under(shapes, prefix + NAMED) else "")
    vocabulary, width = shapes[f"{inner}embeddings.token_embedding.weight"]
    return _text(
        vocabulary=vocabulary,
        width=width,
        inner=shapes[f"{inner}encoder.layers.0.mlp.fc1.weight"][0],
        layers=_count(shapes, f"{inner}encoder.layers."),
        positions=shapes[f"{inner}embeddings.position_embedding.weight"][0],
        activation="quick_gelu",
    )


def _open_clip(shapes: Shapes, prefix: str, unused: int) -> Config:
    vocabulary, width = shapes[f"{prefix}token_embedding.weight"]
    return _text(
        vocabulary=vocabulary,
        width=width,
        inner=shapes[f"{prefix}transformer.resblocks.0.mlp.c_fc.weight"][0],
        layers=_count(shapes, f"{prefix}transformer.resblocks.") - unused,
        positions=shapes[f"{prefix}positional_embedding"][0],
        activation="gelu",
    ) | {"projection_dim": shapes.get(f"{prefix}text_projection", (width, width))[1]}


def _text(vocabulary: int, width: int, inner: int, layers: int, positions: int, activation: str) -> Config:
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": inner,
        "projection_dim": width,
        "num_hidden_layers": layers,
        "num_attention_heads": max(1, width // HEAD_WIDTH),
        "max_position_embeddings": positions,
        "hidden_act": activation,
        # The last two of CLIP's vocabulary.
        "bos_token_id": vocabulary - 2,
        "eos_token_id": vocabulary - 1,
        "pad_token_id": vocabulary - 1,
    }


def _under(shapes: Shapes, prefix: str) -> bool:
    return any(name.startswith(prefix) for name in shapes)


def _count(shapes: Shapes, prefix: str) -> int:
    return len({name.removeprefix(prefix).split(".")[0] for name in shapes if name.startswith(prefix)})
