"""Which breed of Stable Diffusion a base is of, from its configs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from phalanx_worker.errors import ArtefactError
from phalanx_worker.model.base import Family

PIPELINES: Mapping[Family, tuple[str, str]] = {
    "sd-1": ("StableDiffusionPipeline", "StableDiffusionInpaintPipeline"),
    "sd-2": ("StableDiffusionPipeline", "StableDiffusionInpaintPipeline"),
    "sdxl": ("StableDiffusionXLPipeline", "StableDiffusionXLInpaintPipeline"),
}
"""Diffusers' class for drawing from text, and for filling in a mask."""
SIZES_AND_CROP = 6
"""Numbers in SDXL's size conditioning."""
SCALING_FACTORS: Mapping[Family, float] = {"sd-1": 0.18215, "sd-2": 0.18215, "sdxl": 0.13025}
"""Of latents to unit variance, in the published autoencoders."""


def recognise(folder: Path, configs: Mapping[str, Mapping[str, Any]]) -> Family:
    """The family of the base with these configs, by the name of their part, and `model_index` where there is one.

    Two text encoders and size conditioning make an SDXL, OpenCLIP's activation an SD 2, CLIP's an SD 1. Whether a UNet
    of SD 2 projects by linear layers or by convolutions tells nothing: converters write both.
    Raises ArtefactError (`family-mismatch`), with everything that is not as in the family closest to it.
    """
    second = configs.get("text_encoder_2")
    if second is not None:
        family: Family = "sdxl"
    else:
        family = "sd-2" if configs["text_encoder"].get("hidden_act") == "gelu" else "sd-1"
    found = [reason for reason, applies in _contradictions(family, configs).items() if applies]
    if found:
        raise ArtefactError(
            f"{folder} is closest to the family {family}, but {'; '.join(found)}. "
            "Use a base of the layout of Stable Diffusion 1, 2 or XL.",
            code="family-mismatch",
            facts={"folder": str(folder), "family": family, "reasons": "; ".join(found)},
        )
    return family


def _contradictions(family: Family, configs: Mapping[str, Mapping[str, Any]]) -> dict[str, bool]:
    unet, index = configs["unet"], configs.get("model_index", {})
    pipeline, width = index.get("_class_name"), unet.get("cross_attention_dim")
    encoders = [configs[part] for part in ("text_encoder", "text_encoder_2") if part in configs]
    given = sum(int(config.get("hidden_size", 0)) for config in encoders)
    channels, latent = unet.get("in_channels", 4), configs["vae"].get("latent_channels", 4)
    added = unet.get("addition_embed_type")
    projected = unet.get("projection_class_embeddings_input_dim")
    pooled = int(encoders[-1].get("projection_dim", 0))
    wanted = SIZES_AND_CROP * int(unet.get("addition_time_embed_dim") or 0) + pooled
    return {
        f"its pipeline is {pipeline}": "model_index" in configs and pipeline not in PIPELINES[family],
        f"its UNet attends to width {width}, its text encoders give {given}": width != given,
        f"its UNet takes {channels} channels for latents of {latent}": channels not in (latent, 2 * latent + 1),
        f"its UNet takes added conditions of kind {added}": added != ("text_time" if family == "sdxl" else None),
        f"its UNet takes {projected} added numbers, not {wanted}": family == "sdxl" and projected != wanted,
        "its UNet takes classes": unet.get("class_embed_type") is not None or unet.get("num_class_embeds") is not None,
    }
