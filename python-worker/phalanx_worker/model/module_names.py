"""Names of adaptable layers as kohya sd-scripts writes them into LoRA files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from torch import nn

from phalanx_worker.model.base import Base
from phalanx_worker.model.low_rank import Adaptable, is_adaptable

Part = Literal["unet", "text-encoder"]
Target = Literal["attention", "mlp"]

UNET_PREFIX = "lora_unet_"
TEXT_ENCODER_PREFIX = "lora_te_text_model_"
TARGET_CLASSES: dict[Part, dict[str, Target | None]] = {
    "unet": {"Transformer2DModel": None},
    "text-encoder": {"CLIPAttention": "attention", "CLIPMLP": "mlp"},
}
"""Classes whose layers are targets; None where both kinds lie in one class and the layer's path tells them apart."""


def file_name(part: Part, path: str) -> str:
    """The name of a layer in a file, for its path in the module tree.

    Other tools know the text encoder's layers below `text_model.`, a level that transformers 5 no longer has.
    """
    if part == "text-encoder":
        return TEXT_ENCODER_PREFIX + path.removeprefix("text_model.").replace(".", "_")
    return UNET_PREFIX + path.replace(".", "_")


def adaptable_layers(base: Base) -> dict[str, Adaptable]:
    """Every linear and convolutional layer of UNet and text encoder by its name in files."""
    parts: dict[Part, nn.Module] = {"text-encoder": base.text_encoder, "unet": base.unet}
    return {
        file_name(part, path): layer
        for part, module in parts.items()
        for path, layer in module.named_modules()
        if is_adaptable(layer)
    }


def target_layers(base: Base, part: Part, targets: tuple[Target, ...]) -> Iterator[tuple[str, Adaptable]]:
    """The layers that kohya's `networks/lora.py` adapts in a part, with their names in files.

    With both targets these are all linear layers and convolutions in the UNet's `Transformer2DModel`s and all linear
    layers in the text encoder's `CLIPAttention` and `CLIPMLP`. `attention` alone takes the projections to query, key,
    value and output and, in the UNet, the transformers' `proj_in` and `proj_out`; `mlp` the feed-forward layers.
    """
    module: nn.Module = base.unet if part == "unet" else base.text_encoder
    for path, block in module.named_modules():
        if type(block).__name__ not in TARGET_CLASSES[part]:
            continue
        for inner, layer in block.named_modules():
            target = TARGET_CLASSES[part][type(block).__name__] or ("mlp" if ".ff." in f".{inner}." else "attention")
            if is_adaptable(layer) and target in targets:
                yield file_name(part, f"{path}.{inner}"), layer
