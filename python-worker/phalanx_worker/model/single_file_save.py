"""Writing a base as a single file in the layout of the original Latent Diffusion code (LDM)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from phalanx_worker.artefacts.tensors import write_tensors
from phalanx_worker.model.adapter_family import architecture
from phalanx_worker.model.base import Base
from phalanx_worker.model.ldm_names import ldm_autoencoder_path, ldm_unet_path
from phalanx_worker.model.save import StoredType, module_config, typed
from phalanx_worker.model.single_file import CONFIGS_KEY
from phalanx_worker.model.single_file_layout import AUTOENCODER, CLIP, NAMED, OPEN_CLIP, UNET

OPEN_CLIP_LAYER = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}
OPEN_CLIP_ENDS = {
    "embeddings.position_embedding.weight": "positional_embedding",
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
}
LAYERS = "encoder.layers."


def save_single_file(base: Base, path: Path, weights: StoredType) -> None:
    """Write a base with its weights as they are now, as A1111, ComfyUI and sd-scripts read it.

    The file appears when it is whole. The metadata also has the configs, which `load_single_file` goes by; the
    vocabulary has no place in it. Raises ArtefactError (`disk-full`).
    """
    configs = {part: module_config(module) for part, module in base.parts.items()}
    velocity = base.noise_schedule.prediction == "v_prediction"
    metadata = {
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": architecture(base),
        "modelspec.implementation": "https://github.com/Stability-AI/generative-models",
        "modelspec.title": path.stem,
        "modelspec.resolution": f"{base.image_size}x{base.image_size}",
        "modelspec.prediction_type": "v" if velocity else "epsilon",
        CONFIGS_KEY: json.dumps({**configs, "scheduler": dict(base.scheduler_config)}, sort_keys=True),
    }
    write_tensors(path, {**typed(ldm_tensors(base), weights), **_marks(base)}, metadata)


def _marks(base: Base) -> dict[str, Tensor]:
    """Tensors without numbers by which the web UIs know an SDXL that predicts velocity, and its terminal noise."""
    velocity = base.family == "sdxl" and base.noise_schedule.prediction == "v_prediction"
    names = ["v_pred", *(["ztsnr"] if base.noise_schedule.zero_terminal_snr else [])] if velocity else []
    return {name: torch.empty(0) for name in names}


def ldm_tensors(base: Base) -> dict[str, Tensor]:
    """All weights of a base by their names in LDM's layout."""
    config = base.unet.config
    tensors = {UNET + ldm_unet_path(name, config): tensor for name, tensor in base.unet.state_dict().items()}
    levels = len(base.autoencoder.config.block_out_channels)
    for name, tensor in base.autoencoder.state_dict().items():
        # There, the autoencoder's attention is made of 1x1 convolutions.
        square = ".attentions." in name and tensor.ndim == 2
        tensors[AUTOENCODER + ldm_autoencoder_path(name, levels)] = tensor[..., None, None] if square else tensor
    if base.family == "sd-2":
        return tensors | _penultimate(_open_clip(OPEN_CLIP[base.family], base.text_encoder.state_dict()))
    for name, tensor in base.text_encoder.state_dict().items():
        tensors[CLIP[base.family] + NAMED + name] = tensor
    if base.text_encoder_2 is not None:
        tensors |= _open_clip(OPEN_CLIP[base.family], base.text_encoder_2.state_dict())
    return tensors


def _open_clip(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for stored, tensor in state.items():
        name = stored.removeprefix(NAMED)
        if name in OPEN_CLIP_ENDS:
            tensors[prefix + OPEN_CLIP_ENDS[name]] = tensor
        elif name == "text_projection.weight":
            tensors[f"{prefix}text_projection"] = tensor.T
        elif ".self_attn.q_proj." in name:
            kind = name.rpartition(".")[2]
            rows = [state[stored.replace(".q_proj.", f".{letter}_proj.")] for letter in "qkv"]
            layer = name.removeprefix(LAYERS).partition(".")[0]
            tensors[f"{prefix}transformer.resblocks.{layer}.attn.in_proj_{kind}"] = torch.cat(rows)
        elif ".self_attn.k_proj." not in name and ".self_attn.v_proj." not in name:
            layer, _, inner = name.removeprefix(LAYERS).partition(".")
            own, _, kind = inner.rpartition(".")
            tensors[f"{prefix}transformer.resblocks.{layer}.{OPEN_CLIP_LAYER[own]}.{kind}"] = tensor
    return tensors


def _penultimate(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """OpenCLIP as SD 2 files have it: with a last layer and a projection, which readers want and nobody uses."""
    prefix = OPEN_CLIP["sd-2"]
    start = f"{prefix}transformer.resblocks."
    last = max(int(name.removeprefix(start).split(".")[0]) for name in tensors if name.startswith(start))
    copied = {
        name.replace(f"{start}{last}.", f"{start}{last + 1}."): tensor
        for name, tensor in tensors.items()
        if name.startswith(f"{start}{last}.")
    }
    width = tensors[f"{prefix}positional_embedding"].shape[1]
    return {
        **tensors,
        **copied,
        f"{prefix}text_projection": torch.eye(width),
        f"{prefix}logit_scale": torch.ones(()),
    }
