"""Tensors of LoRAs in the layouts of PEFT and of former diffusers, under kohya's names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import torch
from torch import Tensor

PARTS = {"unet": "lora_unet_", "text_encoder": "lora_te1_", "text_encoder_2": "lora_te2_"}
"""Beginnings of layers' names; `lora_te1_` is understood for a single text encoder too."""
WRAPPER = "base_model.model."
"""What PEFT puts before the names of a model it has wrapped."""
ENDS = {
    "lora_A": ".lora_down.weight",
    "lora_B": ".lora_up.weight",
    "lora.down": ".lora_down.weight",
    "lora.up": ".lora_up.weight",
    "lora_linear_layer.down": ".lora_down.weight",
    "lora_linear_layer.up": ".lora_up.weight",
    "lora_magnitude_vector": ".dora_scale",
}
FACTOR = re.compile(rf"(.+)\.({'|'.join(map(re.escape, ENDS))})(?:\.(?!weight$)[^.]+)?(?:\.weight)?")
"""PEFT may put the adapter's name before `weight`."""
PROCESSOR = re.compile(r"(.+)\.processor\.(to_q|to_k|to_v|to_out)_lora\.(down|up)\.weight")
ALPHA = re.compile(r"(.+)\.alpha")


def in_kohya_layout(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> dict[str, Tensor]:
    """The same tensors by kohya's names; what has no meaning in another layout keeps its name.

    Diffusers writes PEFT's alpha into the metadata (`lora_adapter_metadata`); without it alpha is the rank.
    """
    renamed: dict[str, Tensor] = {}
    paths: dict[str, str] = {}
    for name, tensor in tensors.items():
        found = _parsed(name)
        if found is None:
            renamed[name] = tensor
            continue
        path, end = found
        layer = _layer(path)
        if layer is None or layer + end in renamed:
            renamed[name] = tensor
            continue
        renamed[layer + end] = tensor.flatten() if end == ".dora_scale" else tensor
        paths[layer] = path.removeprefix(WRAPPER)
    return _with_alphas(renamed, paths, metadata)


def _parsed(name: str) -> tuple[str, str] | None:
    former = PROCESSOR.fullmatch(name)
    if former is not None:
        block, kind, side = former.groups()
        return f"{block}.{'to_out.0' if kind == 'to_out' else kind}", f".lora_{side}.weight"
    found = FACTOR.fullmatch(name)
    if found is not None:
        return found[1], ENDS[found[2]]
    scale = ALPHA.fullmatch(name)
    return None if scale is None or "." not in scale[1] else (scale[1], ".alpha")


def _layer(path: str) -> str | None:
    part, _, inner = path.removeprefix(WRAPPER).partition(".")
    inner = inner.removeprefix(WRAPPER)
    if part not in PARTS or inner == "":
        return None
    if part != "unet" and not inner.startswith(("text_model.", "text_projection")):
        inner = f"text_model.{inner}"
    return PARTS[part] + inner.replace(".", "_")


def _with_alphas(
    tensors: dict[str, Tensor], paths: Mapping[str, str], metadata: Mapping[str, str]
) -> dict[str, Tensor]:
    told = _told(metadata)
    for layer, path in paths.items():
        part, _, inner = path.partition(".")
        patterns = told.get(f"{part}.alpha_pattern")
        by_layer = patterns.items() if isinstance(patterns, dict) else ()
        own = [value for end, value in by_layer if inner == end or inner.endswith(f".{end}")]
        alpha = own[0] if own else told.get(f"{part}.lora_alpha")
        if isinstance(alpha, int | float) and f"{layer}.alpha" not in tensors:
            tensors[f"{layer}.alpha"] = torch.tensor(float(alpha))
    return tensors


def _told(metadata: Mapping[str, str]) -> dict[str, object]:
    try:
        told = json.loads(metadata.get("lora_adapter_metadata", "{}"))
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
