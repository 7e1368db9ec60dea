"""Starting a LoRA from the file of another one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from phalanx_worker.errors import ArtefactError
from phalanx_worker.model.adapter_family import lora_family, refuse_other_family
from phalanx_worker.model.adapter_file import LoraFile, LoraModule, read_adapter
from phalanx_worker.model.adapters import factors_for
from phalanx_worker.model.base import Base
from phalanx_worker.model.module_names import other_names
from phalanx_worker.techniques.adapted_layer import AdaptedLayer


def start_from(path: Path, base: Base, layers: Sequence[AdaptedLayer]) -> None:
    """Give layers the change that a file has for them; its layers keep their ranks and take the alpha trained here.

    Raises what `read_adapter` raises, and ArtefactError: `family-mismatch`, `start-mismatch` when the file has another
    kind, layer or rank than is trained, before anything is changed.
    """
    file = read_adapter(path)
    if not isinstance(file, LoraFile):
        raise _mismatch(path, "it is an embedding")
    refuse_other_family(path, lora_family(path, file.modules), base)
    own, others = {layer.name: layer for layer in layers}, other_names(base)
    pairs: list[tuple[AdaptedLayer, LoraModule]] = []
    for stored, module in file.modules.items():
        layer = own.get(others.get(stored, stored))
        if layer is None:
            raise _mismatch(path, f"its layer {stored} is not adapted here")
        if not isinstance(module, LoraModule):
            raise _mismatch(path, f"{stored} is a {module.kind} there")
        if module.rank != layer.plan.rank:
            raise _mismatch(path, f"{stored} has rank {module.rank} there and {layer.plan.rank} here")
        if (module.magnitude is None) != (layer.magnitude is None):
            raise _mismatch(path, f"{stored} has {'no' if module.magnitude is None else 'a'} magnitude there")
        pairs.append((layer, module))
    for layer, module in pairs:
        _copy(path, layer, module)


def _copy(path: Path, layer: AdaptedLayer, module: LoraModule) -> None:
    found = factors_for(layer.plan.layer.layer, module, 1.0)
    if found is None:
        raise _mismatch(path, f"{layer.name} has another size there")
    with torch.no_grad():
        layer.down.copy_(found.down)
        # The product must be scaled as in the file, with the alpha of this training.
        layer.up.copy_(found.up * (module.alpha / layer.plan.alpha))
        if layer.magnitude is not None and found.magnitude is not None:
            layer.magnitude.copy_(found.magnitude)


def _mismatch(path: Path, why: str) -> ArtefactError:
    return ArtefactError(
        f"The training cannot start from {path}: {why}. Adapt the same layers with the same ranks, or start afresh.",
        code="start-mismatch",
        facts={"path": str(path), "reason": why},
    )
