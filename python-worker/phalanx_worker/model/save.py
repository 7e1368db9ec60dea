"""Writing a base as a folder in the layout of diffusers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers import CLIPTokenizer, PreTrainedModel

from phalanx_worker.artefacts.atomic import whole_folder
from phalanx_worker.artefacts.tensors import save_tensors
from phalanx_worker.model.base import Base, Family
from phalanx_worker.model.families import PIPELINES
from phalanx_worker.model.load import WEIGHT_FILES, read_config, read_tokenizer

StoredType = Literal["float32", "float16", "bfloat16"]
STORED_TYPES: Mapping[str, torch.dtype] = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


def save_base(base: Base, folder: Path, weights: StoredType) -> None:
    """Write a base with its weights as they are now; `folder` appears when it is whole.

    Configs come from the modules, tokenizer files from where they were read.
    Raises ArtefactError (`disk-full`).
    """
    with whole_folder(folder) as temporary:
        write_parts(temporary, base.parts, weights)
        copy_tokenizer(base.tokenizer, temporary / "tokenizer")
        if base.tokenizer_2 is not None:
            copy_tokenizer(base.tokenizer_2, temporary / "tokenizer_2")
        write_json(temporary / "scheduler/scheduler_config.json", base.scheduler_config)
        write_json(temporary / "model_index.json", model_index(base.family, base.inpainting, base.scheduler_config))


def write_parts(folder: Path, parts: Mapping[str, nn.Module], weights: StoredType) -> None:
    """Weights and config of each part in a folder of its own."""
    for part, module in parts.items():
        (folder / part).mkdir(parents=True)
        write_json(folder / part / "config.json", module_config(module))
        tensors = {_stored_name(part, name): tensor for name, tensor in module.state_dict().items()}
        save_tensors(folder / part / f"{WEIGHT_FILES[part]}.safetensors", typed(tensors, weights), {"format": "pt"})


def folder_bytes(folder: Path) -> int:
    """Size of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """An indented JSON file, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dict(value), indent=2) + "\n", encoding="utf-8")


def model_index(family: Family, inpainting: bool, scheduler_config: Mapping[str, Any]) -> dict[str, Any]:
    """What diffusers reads first: the pipeline's class and those of its parts."""
    index = {
        "_class_name": PIPELINES[family][int(inpainting)],
        "_diffusers_version": "0.20.0",
        "feature_extractor": [None, None],
        "scheduler": ["diffusers", scheduler_config.get("_class_name", "DDIMScheduler")],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    if family != "sdxl":
        return {**index, "requires_safety_checker": False, "safety_checker": [None, None]}
    return {
        **index,
        "force_zeros_for_empty_prompt": True,
        "image_encoder": [None, None],
        "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
        "tokenizer_2": ["transformers", "CLIPTokenizer"],
    }


def copy_tokenizer(tokenizer: CLIPTokenizer, folder: Path) -> None:
    """Copy the files a tokenizer was read from, with the padding it has now; files that are there are replaced."""
    shutil.copytree(tokenizer.name_or_path, folder, dirs_exist_ok=True)
    # A single-file base of two encoders has one folder for both, which pad differently.
    if read_tokenizer(folder).pad_token != tokenizer.pad_token:
        for name in ("tokenizer_config.json", "special_tokens_map.json"):
            told = read_config(folder / name) if (folder / name).is_file() else {}
            write_json(folder / name, {**told, "pad_token": tokenizer.pad_token})


def _stored_name(part: str, name: str) -> str:
    # The name that every other tool expects in a file; see `model.load`.
    return f"text_model.{name}" if part == "text_encoder" else name


def typed(tensors: Mapping[str, Tensor], weights: StoredType) -> dict[str, Tensor]:
    """Tensors with numbers of a type; integers stay what they are."""
    kind = STORED_TYPES[weights]
    return {name: tensor.to(kind) if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}


def tensor_bytes(tensors: Mapping[str, Tensor], weights: StoredType) -> int:
    """Size of tensors when their numbers are of a type."""
    size = STORED_TYPES[weights].itemsize
    return sum(item.numel() * (size if item.is_floating_point() else item.itemsize) for item in tensors.values())


def module_config(module: Any) -> dict[str, Any]:
    """What a reader needs to build the module anew."""
    if isinstance(module, PreTrainedModel):
        # transformers would load the stored type, diffusers loads float32; a pipeline needs one for all.
        return {**module.config.to_diff_dict(), "dtype": "float32", "architectures": [type(module).__name__]}
    # The private entries name arguments that were left to their defaults; a reader would ignore what is set since.
    own = {name: value for name, value in dict(module.config).items() if not name.startswith("_")}
    return {"_class_name": type(module).__name__, **own}
