"""Names of adaptable layers as kohya sd-scripts writes them into LoRA files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from torch import nn

from phalanx_worker.model.base import Base
from phalanx_worker.model.ldm_names import ldm_unet_path
from phalanx_worker.model.low_rank import Adaptable, is_adaptable

Part = Literal["unet", "text-encoder"]
Target = Literal["attention", "mlp", "convolution"]

UNET_PREFIX = "lora_unet_"
TARGET_CLASSES: dict[Part, dict[str, Target | None]] = {
    "unet": {
        "Transformer2DModel": None,
        "ResnetBlock2D": "convolution",
        "Downsample2D": "convolution",
        "Upsample2D": "convolution",
    },
    "text-encoder": {"CLIPAttention": "attention", "CLIPMLP": "mlp"},
}
"""Classes whose layers are targets; None where two kinds lie in one class and the layer's path tells them apart."""


@dataclass(frozen=True, eq=False)
class NamedLayer:
    """An adaptable layer and what it is called."""

    part: Part
    module: str
    """Key among `Base.parts`."""
    path: str
    """In its module, as diffusers and transformers name it."""
    name: str
    """In files."""
    layer: Adaptable
    target: Target | None
    """The kind of layers it belongs to, if any."""

    @property
    def is_wide_convolution(self) -> bool:
        """Whether it is a convolution of more than one pixel; kohya calls them all 3x3."""
        return isinstance(self.layer, nn.Conv2d) and tuple(self.layer.kernel_size) != (1, 1)


def file_name(base: Base, module: str, path: str) -> str:
    """The name of a layer in a file, for its module among `base.parts` and its path in there.

    SDXL's encoders are numbered, and its UNet's blocks have the names of LDM, the layout that sd-scripts trains. Other
    tools know a text encoder's layers below `text_model.`, a level that transformers 5 leaves out in the first one.
    """
    if module == "unet":
        named = ldm_unet_path(path, base.unet.config) if base.family == "sdxl" else path
        return UNET_PREFIX + _flat(named)
    number = {"text_encoder": "1", "text_encoder_2": "2"}[module] if base.family == "sdxl" else ""
    inner = path if path.startswith("text_projection") else f"text_model.{path.removeprefix('text_model.')}"
    return f"lora_te{number}_{_flat(inner)}"


def other_names(base: Base) -> dict[str, str]:
    """Further names under which files hold the base's layers, each with the one of `file_name`.

    SDXL's UNet by diffusers' names, and with SD 1 and SD 2 a text encoder that has a number all the same: diffusers
    exports both.
    """
    names: dict[str, str] = {}
    for module, path, _ in _adaptable(base):
        own = file_name(base, module, path)
        if base.family == "sdxl" and module == "unet":
            names[UNET_PREFIX + _flat(path)] = own
        elif base.family != "sdxl" and module == "text_encoder":
            names[own.replace("lora_te_", "lora_te1_", 1)] = own
    return {other: own for other, own in names.items() if other != own}


def adaptable_layers(base: Base) -> dict[str, Adaptable]:
    """Every linear and convolutional layer of UNet and text encoders by its name in files."""
    return {file_name(base, module, path): layer for module, path, layer in _adaptable(base)}


def named_layers(base: Base, part: Part) -> list[NamedLayer]:
    """All adaptable layers of a part, with the targets of kohya's `networks/lora.py` told apart.

    `attention` and `mlp` together are what it adapts by default: all linear layers and convolutions in the UNet's
    `Transformer2DModel`s and all linear layers in the text encoders' `CLIPAttention` and `CLIPMLP`. `attention` has the
    projections to query, key, value and output and, in the UNet, the transformers' `proj_in` and `proj_out`; `mlp` the
    feed-forward layers. `convolution` is what `conv_dim` adds: everything in `ResnetBlock2D`, `Downsample2D` and
    `Upsample2D`.
    """
    found = []
    for module, root in _modules(base, part):
        targets = _targets(part, root)
        for path, layer in root.named_modules():
            if is_adaptable(layer):
                name = file_name(base, module, path)
                found.append(NamedLayer(part, module, path, name, layer, targets.get(path)))
    return found


def _targets(part: Part, root: nn.Module) -> dict[str, Target]:
    targets: dict[str, Target] = {}
    for path, block in root.named_modules():
        if type(block).__name__ not in TARGET_CLASSES[part]:
            continue
        kind = TARGET_CLASSES[part][type(block).__name__]
        for inner, layer in block.named_modules():
            if is_adaptable(layer):
                targets[f"{path}.{inner}"] = kind or ("mlp" if ".ff." in f".{inner}." else "attention")
    return targets


def _adaptable(base: Base) -> Iterator[tuple[str, str, Adaptable]]:
    parts: tuple[Part, ...] = ("text-encoder", "unet")
    for part in parts:
        for name, module in _modules(base, part):
            for path, layer in module.named_modules():
                if is_adaptable(layer):
                    yield name, path, layer


def _modules(base: Base, part: Part) -> list[tuple[str, nn.Module]]:
    return [(name, module) for name, module in base.parts.items() if name.startswith(part.replace("-", "_"))]


def _flat(path: str) -> str:
    return path.replace(".", "_")
