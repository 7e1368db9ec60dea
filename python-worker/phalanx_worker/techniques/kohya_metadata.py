"""Bases and settings as the metadata of sd-scripts' files words them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import safetensors.torch
from torch import Tensor

from phalanx_worker.model.adapter_family import architecture, base_version
from phalanx_worker.model.base import Base
from phalanx_worker.model.tokens import WINDOW
from phalanx_worker.protocol.messages import (
    CosineRestartsSchedule,
    DebiasedWeighting,
    HuberLoss,
    MinSnrWeighting,
    Objective,
    OneCycleSchedule,
    Schedule,
    SmoothL1Loss,
    SquaredLoss,
    TextSettings,
)

MIXED_PRECISION = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}
LOSS_TYPES = {SquaredLoss: "l2", HuberLoss: "huber", SmoothL1Loss: "smooth_l1"}
LEGACY_PIECE = slice(0x100000, 0x110000)
"""Bytes of a file that were hashed before everything behind the header was."""


def base_metadata(base: Base, title: str, width: int | None = None, height: int | None = None) -> dict[str, str]:
    """Which base a LoRA changes, at which size in pixels, the base's own unless it is given, and what it is called."""
    return {
        "ss_v2": str(base.family == "sd-2"),
        "ss_base_model_version": base_version(base),
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": f"{architecture(base)}/lora",
        "modelspec.implementation": "diffusers",
        "modelspec.title": title,
        "modelspec.resolution": f"{width or base.image_size}x{height or base.image_size}",
        "modelspec.prediction_type": "v" if base.noise_schedule.prediction == "v_prediction" else "epsilon",
    }


def with_hashes(metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """`metadata` and the hashes by which sd-scripts and A1111 know a LoRA of these tensors and `ss_*` fields.

    `sshs_model_hash` is over everything behind the header. `sshs_legacy_hash` is over a piece that begins a mebibyte
    into the file; of a smaller file it is that of nothing, as sd-scripts has it too.
    """
    training = {name: text for name, text in metadata.items() if name.startswith("ss_")}
    content = safetensors.torch.save({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, training)
    digest = hashlib.sha256(memoryview(content)[8 + int.from_bytes(content[:8], "little") :]).hexdigest()
    legacy = hashlib.sha256(memoryview(content)[LEGACY_PIECE]).hexdigest()[:8]
    hashes = {"sshs_model_hash": digest, "sshs_legacy_hash": legacy, "modelspec.hash_sha256": f"0x{digest}"}
    return {**metadata, **hashes}


def schedule_metadata(schedule: Schedule) -> dict[str, str]:
    """Name and warm-up of a learning-rate schedule."""
    if isinstance(schedule, OneCycleSchedule):
        return {"ss_lr_scheduler": "torch.optim.lr_scheduler.OneCycleLR", "ss_lr_warmup_steps": "0"}
    if isinstance(schedule, CosineRestartsSchedule):
        name = "cosine_with_restarts"
    else:
        name = str(schedule.__struct_config__.tag)
    # There, a plain constant ignores the warm-up.
    if name == "constant" and schedule.warmup_steps > 0:
        name = "constant_with_warmup"
    return {"ss_lr_scheduler": name, "ss_lr_warmup_steps": str(schedule.warmup_steps)}


def text_metadata(text: TextSettings) -> dict[str, str]:
    """How captions were read; "None" for one window, and for the layer that the family was trained with."""
    return {
        "ss_max_token_length": str(None if text.max_tokens == WINDOW else text.max_tokens),
        "ss_clip_skip": str(text.clip_skip),
    }


def objective_metadata(objective: Objective) -> dict[str, str]:
    """Noise, loss and weights; "None" where an option is off."""
    noise, loss, weighting = objective.noise, objective.loss, objective.weighting
    huber = None if isinstance(loss, SquaredLoss) else loss
    return {
        "ss_noise_offset": str(noise.offset or None),
        "ss_noise_offset_random_strength": str(noise.random_offset),
        "ss_multires_noise_iterations": str(noise.pyramid and noise.pyramid.iterations),
        "ss_multires_noise_discount": str(noise.pyramid and noise.pyramid.discount),
        "ss_ip_noise_gamma": str(noise.perturbation or None),
        "ss_min_snr_gamma": str(weighting.gamma if isinstance(weighting, MinSnrWeighting) else None),
        "ss_zero_terminal_snr": str(objective.zero_terminal_snr),
        "ss_debiased_estimation": str(isinstance(weighting, DebiasedWeighting)),
        "ss_masked_loss": str(objective.mask is not None),
        "ss_loss_type": LOSS_TYPES[type(loss)],
        "ss_huber_schedule": str(huber and huber.schedule),
        "ss_huber_c": str(huber and huber.delta),
    }
