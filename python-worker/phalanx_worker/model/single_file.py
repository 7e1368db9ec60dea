"""Reading a base from a single file in the layout of the original Latent Diffusion code (LDM)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diffusers.loaders.single_file_utils import (
    convert_ldm_clip_checkpoint,
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)
from torch import Tensor
from transformers import CLIPTokenizer

from phalanx_worker.artefacts.tensors import read_metadata, read_tensors
from phalanx_worker.artefacts.unchanged import unchanged
from phalanx_worker.errors import ArtefactError
from phalanx_worker.model.base import AS_TRAINED, Base, Family, base_sha256
from phalanx_worker.model.create import SCHEDULER_CONFIG
from phalanx_worker.model.families import recognise
from phalanx_worker.model.load import empty_parts, fill, read_config, read_tokenizer, stored_to_module
from phalanx_worker.model.noise_schedule import noise_schedule_from_config
from phalanx_worker.model.single_file_layout import OPEN_CLIP, UNET, checkpoint_configs, checkpoint_family
from phalanx_worker.model.vocabulary import ZERO

CONFIGS_KEY = "phalanx.configs"
"""Metadata of files written here: the config of each part and of the scheduler, so that nothing is left to custom."""
SCHEDULER_FILE = "scheduler/scheduler_config.json"
TOKENIZER_FILES = ("tokenizer/vocab.json", "tokenizer/merges.txt")


def load_single_file(path: Path) -> Base:
    """Read a checkpoint as A1111, ComfyUI and sd-scripts use them, whatever the type of its weights, into float32.

    Family and architecture come from names and shapes. The vocabulary is never in such a file: the folder `tokenizer`
    of any Stable Diffusion must lie beside it. `scheduler/scheduler_config.json` beside it tells what an SD 2 predicts,
    which nothing else does unless the file's metadata names it. Averaged weights (`model_ema.`) are passed over.

    Raises ArtefactError: `missing-file`, `pickled-file` (whatever the name says), `broken-file`, `not-a-base`,
    `family-mismatch`, `missing-tokenizer`, `unknown-prediction`, `unknown-scheduler`, `weights-mismatch`,
    `weights-not-finite`, `changed-file` (it became another one while it was read).
    """
    with unchanged(single_file_parts(path)):
        return _read(path)


def single_file_parts(path: Path) -> list[Path]:
    """The file and what is read beside it, as far as it is there."""
    beside = [path.parent / name for name in (*TOKENIZER_FILES, SCHEDULER_FILE)]
    return [path, *(file for file in beside if file.is_file())]


def _read(path: Path) -> Base:
    tensors = read_tensors(path)
    metadata = read_metadata(path)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    family = checkpoint_family(path, shapes)
    tokenizer = _tokenizer(path, family)
    configs: dict[str, Any]
    if CONFIGS_KEY in metadata:
        configs = json.loads(metadata[CONFIGS_KEY])
        scheduler_config = configs.pop("scheduler")
    else:
        scheduler_config = _scheduler_config(path, family, tensors, metadata)
        velocity = scheduler_config["prediction_type"] == "v_prediction"
        configs = _described(path, family, shapes, velocity)
    recognise(path, configs)
    parts = empty_parts(configs)
    converted = _converted(family, tensors, parts)
    _refuse_unknown(path, tensors, converted["unet"])
    for part, stored in converted.items():
        fill(parts[part], stored_to_module(part, stored), path)
    return Base(
        unet=parts["unet"],
        autoencoder=parts["vae"],
        text_encoder=parts["text_encoder"],
        tokenizer=tokenizer,
        text_encoder_2=parts.get("text_encoder_2"),
        tokenizer_2=_padded_with_zero(path) if family == "sdxl" else None,
        noise_schedule=noise_schedule_from_config(scheduler_config),
        scheduler_config=scheduler_config,
        family=family,
        text=AS_TRAINED,
        folder=path,
        sha256=base_sha256(parts),
    )


def _described(path: Path, family: Family, shapes: Mapping[str, tuple[int, ...]], velocity: bool) -> dict[str, Any]:
    try:
        return checkpoint_configs(family, shapes, velocity)
    except (KeyError, IndexError, ValueError) as error:
        raise ArtefactError(
            f"{path} has the parts of {family}, but not its layers: there is no {error.args[0]}. Fetch it again.",
            code="weights-mismatch",
            facts={"path": str(path), "missing": str(error.args[0])},
        ) from error


def _converted(family: Family, tensors: Mapping[str, Tensor], parts: Mapping[str, Any]) -> dict[str, dict[str, Tensor]]:
    converted: dict[str, dict[str, Tensor]] = {
        "unet": convert_ldm_unet_checkpoint(dict(tensors), dict(parts["unet"].config)),
        "vae": convert_ldm_vae_checkpoint(dict(tensors), dict(parts["vae"].config)),
    }
    if family in OPEN_CLIP:
        part = "text_encoder" if family == "sd-2" else "text_encoder_2"
        found = convert_open_clip_checkpoint(parts[part], dict(tensors), prefix=OPEN_CLIP[family])
        unused = f".layers.{parts[part].config.num_hidden_layers}."
        if family == "sd-2":
            # SD 2 takes the penultimate layer, and the file has them all.
            found = {name: tensor for name, tensor in found.items() if unused not in name}
        converted[part] = found
    if family != "sd-2":
        converted["text_encoder"] = convert_ldm_clip_checkpoint(dict(tensors))
    return converted


def _refuse_unknown(path: Path, tensors: Mapping[str, Tensor], unet: Mapping[str, Tensor]) -> None:
    """The converter passes over names that it does not know, and with them what a UNet of another breed has more."""
    known = {id(tensor) for tensor in unet.values()}
    unknown = sorted(name for name, tensor in tensors.items() if name.startswith(UNET) and id(tensor) not in known)
    if unknown:
        raise ArtefactError(
            f"{path} has {len(unknown)} tensors in its UNet that no Stable Diffusion has, such as "
            f"{', '.join(unknown[:3])}. Use a checkpoint of Stable Diffusion 1, 2 or XL.",
            code="weights-mismatch",
            facts={"path": str(path), "unknown": len(unknown)},
        )


def _tokenizer(path: Path, family: Family) -> CLIPTokenizer:
    missing = [name for name in TOKENIZER_FILES if not (path.parent / name).is_file()]
    if missing:
        raise ArtefactError(
            f"{path} has no vocabulary, as no single-file checkpoint has. Put CLIP's beside it: the folder 'tokenizer' "
            f"of any Stable Diffusion in the diffusers layout, with {' and '.join(missing)}.",
            code="missing-tokenizer",
            facts={"path": str(path), "missing": ", ".join(missing)},
        )
    return _padded_with_zero(path) if family == "sd-2" else read_tokenizer(path.parent / "tokenizer")


def _padded_with_zero(path: Path) -> CLIPTokenizer:
    """OpenCLIP has CLIP's vocabulary and another padding."""
    folder = str(path.parent / "tokenizer")
    return CLIPTokenizer.from_pretrained(folder, local_files_only=True, pad_token=ZERO)


def _scheduler_config(
    path: Path, family: Family, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> dict[str, Any]:
    if (path.parent / SCHEDULER_FILE).is_file():
        return {"prediction_type": "epsilon", **read_config(path.parent / SCHEDULER_FILE)}
    told = {"v": "v_prediction", "epsilon": "epsilon"}.get(metadata.get("modelspec.prediction_type", ""))
    if told is None and "v_pred" in tensors:
        told = "v_prediction"
    if told is None and family == "sd-2":
        raise ArtefactError(
            f"{path} does not tell whether it predicts noise, as SD 2 at 512 pixels, or velocity, as at 768. "
            f"Put the {SCHEDULER_FILE} of its base beside it.",
            code="unknown-prediction",
            facts={"path": str(path)},
        )
    config = {**SCHEDULER_CONFIG, "prediction_type": told or "epsilon"}
    # By this name the web UIs know a file whose noise ends in nothing but noise.
    return config | {"rescale_betas_zero_snr": True} if "ztsnr" in tensors and told == "v_prediction" else config
