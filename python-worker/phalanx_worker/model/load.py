"""Reading a base from a folder in the layout of diffusers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from phalanx_worker.artefacts.tensors import read_tensors
from phalanx_worker.artefacts.unchanged import unchanged
from phalanx_worker.errors import ArtefactError
from phalanx_worker.model.base import AS_TRAINED, Base, base_sha256
from phalanx_worker.model.families import recognise
from phalanx_worker.model.noise_schedule import noise_schedule_from_config

WEIGHT_FILES = {
    "unet": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
    "text_encoder": "model",
    "text_encoder_2": "model",
}
CONFIG_FILES = ("model_index.json", "unet/config.json", "vae/config.json", "text_encoder/config.json",
                "scheduler/scheduler_config.json", "tokenizer/vocab.json", "tokenizer/merges.txt")  # fmt: skip
SECOND_CONFIG_FILES = ("text_encoder_2/config.json", "tokenizer_2/vocab.json", "tokenizer_2/merges.txt")
# Names of the attention in autoencoders written before diffusers 0.15, such as Stable Diffusion 1.5's.
FORMER_ATTENTION = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}


def load_base(folder: Path) -> Base:
    """Read a base of any family, whatever the type of its stored weights, into float32.

    Raises ArtefactError: `not-a-base` (says what is missing), `family-mismatch` (another breed of Stable Diffusion),
    `pickled-file`, `broken-file`, `weights-mismatch` (files that do not fit the configs), `weights-not-finite`,
    `unknown-scheduler`, `changed-file` (one became another while they were read).
    """
    with unchanged([path for path in sorted(folder.rglob("*")) if path.is_file()]):
        return _read(folder)


def _read(folder: Path) -> Base:
    two_encoders = (folder / "text_encoder_2").exists()
    needed = (*CONFIG_FILES, *SECOND_CONFIG_FILES) if two_encoders else CONFIG_FILES
    missing = [name for name in needed if not (folder / name).is_file()]
    if missing:
        raise ArtefactError(
            f"{folder} is not a base in the diffusers layout: it has no {', '.join(missing)}. "
            "Point to the folder that holds model_index.json.",
            code="not-a-base",
            facts={"folder": str(folder), "missing": ", ".join(missing)},
        )
    names = list(WEIGHT_FILES) if two_encoders else [part for part in WEIGHT_FILES if part != "text_encoder_2"]
    configs = {part: read_config(folder / part / "config.json") for part in names}
    family = recognise(folder, {**configs, "model_index": read_config(folder / "model_index.json")})
    parts = empty_parts(configs)
    for part, module in parts.items():
        fill(module, stored_to_module(part, read_tensors(_weight_file(folder, part))), folder / part)
    scheduler_config = read_config(folder / "scheduler/scheduler_config.json")
    return Base(
        unet=parts["unet"],
        autoencoder=parts["vae"],
        text_encoder=parts["text_encoder"],
        tokenizer=read_tokenizer(folder / "tokenizer"),
        text_encoder_2=parts.get("text_encoder_2"),
        tokenizer_2=read_tokenizer(folder / "tokenizer_2") if two_encoders else None,
        noise_schedule=noise_schedule_from_config(scheduler_config),
        scheduler_config=scheduler_config,
        family=family,
        text=AS_TRAINED,
        folder=folder,
        sha256=base_sha256(parts),
    )


def empty_parts(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The modules that these configs describe, by part, in evaluation mode and without gradients."""
    parts = {
        "unet": UNet2DConditionModel.from_config(configs["unet"]),
        "vae": AutoencoderKL.from_config(configs["vae"]),
        "text_encoder": CLIPTextModel(CLIPTextConfig(**configs["text_encoder"])),
    }
    if "text_encoder_2" in configs:
        parts["text_encoder_2"] = CLIPTextModelWithProjection(CLIPTextConfig(**configs["text_encoder_2"]))
    for module in parts.values():
        module.eval().requires_grad_(False)
    return parts


def read_tokenizer(folder: Path) -> CLIPTokenizer:
    """The tokenizer whose `vocab.json` and `merges.txt` lie in a folder."""
    return CLIPTokenizer.from_pretrained(str(folder), local_files_only=True)


def read_config(path: Path) -> dict[str, Any]:
    """A JSON object; raises ArtefactError (`broken-file`)."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ArtefactError(
            f"{path} is not readable JSON: {error}. Fetch the base again.",
            code="broken-file",
            facts={"path": str(path)},
        ) from error
    if not isinstance(value, dict):
        raise ArtefactError(
            f"{path} is not a JSON object. Fetch the base again.", code="broken-file", facts={"path": str(path)}
        )
    return value


def _weight_file(folder: Path, part: str) -> Path:
    stem = WEIGHT_FILES[part]
    candidates = [folder / part / f"{stem}.safetensors", folder / part / f"{stem}.fp16.safetensors"]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    pickled = next(iter(sorted((folder / part).glob("*.bin"))), None)
    if pickled is not None:
        raise ArtefactError(
            f"{pickled} is a pickle, which can run code when it is read. Convert it in a place you trust: "
            "tensors = torch.load(file, weights_only=True), then safetensors.torch.save_file(tensors, "
            f"'{stem}.safetensors').",
            code="pickled-file",
            facts={"path": str(pickled)},
        )
    raise ArtefactError(
        f"{folder} is not a whole base: it has no {part}/{stem}.safetensors.",
        code="not-a-base",
        facts={"folder": str(folder), "missing": f"{part}/{stem}.safetensors"},
    )


def stored_to_module(part: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a part by the names they have in the module, for those in files of any age."""
    renamed: dict[str, Tensor] = {}
    for stored, tensor in tensors.items():
        name = stored
        if part == "text_encoder":
            # Files call the encoder `text_model.`; transformers 5 holds the first one without that level.
            name = name.removeprefix("text_model.")
        if name.endswith("embeddings.position_ids"):
            continue
        if part == "vae":
            for former, current in FORMER_ATTENTION.items():
                name = name.replace(former, current)
            if tensor.ndim == 4 and ".attentions." in name:
                tensor = tensor.flatten(1)
        renamed[name] = tensor
    return renamed


def fill(module: nn.Module, tensors: Mapping[str, Tensor], part: Path) -> None:
    """Give a module its weights, all of them; raises ArtefactError (`weights-mismatch`, `weights-not-finite`)."""
    own = module.state_dict()
    absent = sorted(own.keys() - tensors.keys())
    unknown = sorted(tensors.keys() - own.keys())
    wrong = sorted(name for name, tensor in tensors.items() if name in own and own[name].shape != tensor.shape)
    if absent or unknown or wrong:
        example = (absent + unknown + wrong)[0]
        raise ArtefactError(
            f"The weights in {part} do not fit its config: {len(absent)} missing, {len(unknown)} unknown, "
            f"{len(wrong)} of another shape, such as {example}. Fetch the base again.",
            code="weights-mismatch",
            facts={"path": str(part), "missing": len(absent), "unknown": len(unknown), "shape": len(wrong)},
        )
    refuse_not_finite(tensors, part)
    module.load_state_dict(dict(tensors))


def refuse_not_finite(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raises ArtefactError (`weights-not-finite`): with NaN or infinity in it, a network draws black or noise."""
    broken = sorted(name for name, tensor in tensors.items() if tensor.is_floating_point() and not _is_finite(tensor))
    if broken:
        raise ArtefactError(
            f"The weights in {path} hold numbers that are not finite, in {len(broken)} tensors such as {broken[0]}. "
            "Fetch them again; if they come from a training or a merge, take an earlier result.",
            code="weights-not-finite",
            facts={"path": str(path), "tensors": len(broken), "example": broken[0]},
        )


def _is_finite(tensor: Tensor) -> bool:
    # Looking at each number takes longer than hashing them; the extremes of a tensor with NaN are NaN.
    least, most = tensor.aminmax()
    return bool(least.isfinite() and most.isfinite())
