"""Which family of bases an adapter is made for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from phalanx_worker.artefacts.tensors import read_metadata
from phalanx_worker.errors import ArtefactError
from phalanx_worker.model.adapter_file import LoraFile, LoraModule
from phalanx_worker.model.base import Base, Family
from phalanx_worker.model.embedding_file import EmbeddingFile
from phalanx_worker.model.product_module import ProductModule

TEXT_WIDTHS: Mapping[int, Family] = {768: "sd-1", 1024: "sd-2", 2048: "sdxl"}
"""Width that the UNet's attention to texts reads in the published bases."""
EMBEDDING_WIDTHS: Mapping[int, Family] = {768: "sd-1", 1024: "sd-2"}
VERSIONS: Mapping[str, Family] = {
    "sd_v1": "sd-1",
    "sd_v2": "sd-2",
    "sdxl": "sdxl",
    "stable-diffusion-v1": "sd-1",
    "stable-diffusion-v2": "sd-2",
    "stable-diffusion-xl": "sdxl",
}
"""Beginnings of `ss_base_model_version` and `modelspec.architecture`."""
SDXL_NAMES = ("lora_te2_", "lora_unet_input_blocks_", "lora_unet_middle_block_", "lora_unet_output_blocks_")


def family_of(file: LoraFile | EmbeddingFile) -> Family | None:
    """Of an adapter file; None when nothing tells, or its tokens disagree."""
    if isinstance(file, LoraFile):
        return lora_family(file.path, file.modules)
    widths = ({part: int(tensor.shape[1]) for part, tensor in token.items()} for token in file.tokens.values())
    families = {embedding_family(found) for found in widths}
    return families.pop() if len(families) == 1 else None


def lora_family(path: Path, modules: Mapping[str, LoraModule | ProductModule]) -> Family | None:
    """By the names of its layers, the width of its attention to texts, and its metadata; None when none tells."""
    if any(name.startswith(SDXL_NAMES) for name in modules):
        return "sdxl"
    keys = [module for name, module in modules.items() if name.endswith("attn2_to_k")]
    widths = {int(module.down.shape[1]) for module in keys if isinstance(module, LoraModule)}
    if len(widths) == 1 and (family := TEXT_WIDTHS.get(widths.pop())) is not None:
        return family
    metadata = read_metadata(path)
    told = (metadata.get("ss_base_model_version", ""), metadata.get("modelspec.architecture", ""))
    return next((family for text in told for start, family in VERSIONS.items() if text.startswith(start)), None)


def embedding_family(widths: Mapping[str, int]) -> Family | None:
    """By the widths of a token's vectors for each text encoder; None when they are nobody's."""
    if len(widths) > 1:
        return "sdxl"
    return next((EMBEDDING_WIDTHS.get(width) for width in widths.values()), None)


def refuse_other_family(path: Path, family: Family | None, base: Base) -> None:
    """Raises ArtefactError (`family-mismatch`) when an adapter of a known family meets a base of another."""
    if family is None or family == base.family:
        return
    raise ArtefactError(
        f"{path} is made for the family {family}, and the base {base.folder} is of the family {base.family}. "
        f"Use it with a base of the family {family}.",
        code="family-mismatch",
        facts={"path": str(path), "family": family, "base": str(base.folder), "base_family": base.family},
    )


def base_version(base: Base) -> str:
    """`ss_base_model_version`, as sd-scripts writes it."""
    if base.family == "sdxl":
        return "sdxl_base_v1-0"
    velocity = "_v" if base.noise_schedule.prediction == "v_prediction" else ""
    return f"sd_v{base.family.removeprefix('sd-')}{velocity}"


def architecture(base: Base) -> str:
    """The base's part of `modelspec.architecture`, as sd-scripts writes it."""
    if base.family == "sd-2":
        velocity = base.noise_schedule.prediction == "v_prediction"
        return f"stable-diffusion-v2-{'768-v' if velocity else '512'}"
    return {"sd-1": "stable-diffusion-v1", "sdxl": "stable-diffusion-xl-v1-base"}[base.family]
