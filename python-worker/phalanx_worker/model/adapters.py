"""Laying adapter files over a base for a while."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import torch
from torch import Tensor

from phalanx_worker.errors import ArtefactError, ConfigError
from phalanx_worker.model.adapter_family import embedding_family, lora_family, refuse_other_family
from phalanx_worker.model.adapter_file import LoraFile, LoraModule, read_adapter
from phalanx_worker.model.adapter_strength import layer_strengths
from phalanx_worker.model.base import Base
from phalanx_worker.model.embedding_file import EmbeddingFile
from phalanx_worker.model.low_rank import (
    Adaptable,
    LowRankFactors,
    changed_weight,
    factor_shapes,
    replaced_weights,
)
from phalanx_worker.model.module_names import adaptable_layers, other_names
from phalanx_worker.model.placeholder import extended, text_encoders
from phalanx_worker.model.product_module import ProductModule
from phalanx_worker.protocol.messages import AdapterReference

Change = LowRankFactors | Tensor
"""Of one layer: factors, or what is added to the weight."""


@contextmanager
def applied(base: Base, adapters: Sequence[AdapterReference]) -> Iterator[Base]:
    """The base with all adapters in effect; afterwards the given base is bit by bit what it was.

    LoRAs are added into the weights with their strengths, embeddings become tokens of a tokenizer of the yielded base.
    The order of the adapters makes no difference, not even in the last bit.

    Raises what `read_adapter` raises, ArtefactError (`family-mismatch`: made for another family; `adapter-mismatch`:
    made for another base) and ConfigError (`placeholder-in-vocabulary`, `invalid-placeholder`,
    `duplicate-placeholder`, `no-such-blocks`, `block-count`).
    """
    read = [(read_adapter(Path(reference.file)), reference) for reference in adapters]
    # Floating-point sums depend on their order, so that it must not be the caller's.
    loras = sorted(
        ((file, reference) for file, reference in read if isinstance(file, LoraFile)),
        key=lambda item: (item[0].sha256, msgspec.json.encode(msgspec.structs.replace(item[1], file=""))),
    )
    embeddings = [file for file, _ in read if isinstance(file, EmbeddingFile)]
    weights = _changed_weights(base, loras)
    tokens = _tokens(base, embeddings)
    with replaced_weights(weights), extended(base, tokens) as changed:
        yield changed


def factors_for(layer: Adaptable, module: LoraModule, strength: float) -> LowRankFactors | None:
    """A file's factors in the shape of a layer; None when they do not fit.

    Files hold 1x1 convolutions as [rank, in, 1, 1] and as [rank, in]; both fit both.
    """
    down_shape, up_shape = factor_shapes(layer, module.rank)
    if module.down.numel() != torch.Size(down_shape).numel() or module.up.numel() != torch.Size(up_shape).numel():
        return None
    if module.down.shape[1] != down_shape[1] or module.up.shape[0] != up_shape[0]:
        return None
    device = layer.weight.device
    down, up = module.down.reshape(down_shape).to(device), module.up.reshape(up_shape).to(device)
    if module.magnitude is None:
        return LowRankFactors(down, up, strength * module.alpha / module.rank)
    magnitude = module.magnitude.view(-1, *[1] * (down.ndim - 1)).to(device)
    return LowRankFactors(down, up, module.alpha / module.rank, magnitude, strength)


def _changed_weights(base: Base, loras: Sequence[tuple[LoraFile, AdapterReference]]) -> dict[Adaptable, Tensor]:
    layers = adaptable_layers(base)
    changes: dict[str, list[Change]] = defaultdict(list)
    with torch.no_grad():
        for file, reference in loras:
            for name, change in _fitted(base, layers, file, layer_strengths(reference, base)).items():
                changes[name].append(change)
        return {layers[name]: _changed(layers[name].weight, items) for name, items in changes.items()}


def _changed(weight: Tensor, changes: Sequence[Change]) -> Tensor:
    changed = changed_weight(weight, [item for item in changes if isinstance(item, LowRankFactors)])
    for item in changes:
        if isinstance(item, Tensor):
            changed = changed + item
    return changed


def _fitted(
    base: Base, layers: Mapping[str, Adaptable], file: LoraFile, strengths: Mapping[str, float]
) -> dict[str, Change]:
    refuse_other_family(file.path, lora_family(file.path, file.modules), base)
    fitted: dict[str, Change] = {}
    others = other_names(base)
    for stored, module in file.modules.items():
        name = others.get(stored, stored)
        if name in fitted:
            raise _mismatch(file.path, base, f"it holds the layer {name} twice, also as {stored}")
        layer = layers.get(name)
        if layer is None:
            raise _mismatch(file.path, base, f"the base has no layer {name}, it has such as {next(iter(layers))}")
        fitted[name] = _change(base, file.path, name, layer, module, strengths[name])
    return fitted


def _change(
    base: Base, path: Path, name: str, layer: Adaptable, module: LoraModule | ProductModule, strength: float
) -> Change:
    if isinstance(module, ProductModule):
        change = module.change(layer.weight.shape)
        if change is None:
            raise _mismatch(path, base, f"{name} is a {module.kind} of another size than {tuple(layer.weight.shape)}")
        return strength * change.to(layer.weight.device)
    factors = factors_for(layer, module, strength)
    if factors is None:
        wanted = f"{module.up.shape[0]} from {tuple(module.down.shape[1:])}"
        own = f"{layer.weight.shape[0]} from {tuple(layer.weight.shape[1:])}"
        raise _mismatch(path, base, f"{name} is {wanted} in the file and {own} in the base")
    return factors


def _tokens(base: Base, embeddings: Sequence[EmbeddingFile]) -> dict[str, dict[str, Tensor]]:
    widths = {name: int(encoder.config.hidden_size) for name, encoder in text_encoders(base).items()}
    tokens: dict[str, dict[str, Tensor]] = {}
    for file in embeddings:
        for token, vectors in file.tokens.items():
            found = {name: int(tensor.shape[1]) for name, tensor in vectors.items()}
            if found != widths:
                refuse_other_family(file.path, embedding_family(found), base)
                why = f"the embedding {token!r} is {_wide(found)}, the base's embeddings are {_wide(widths)}"
                raise _mismatch(file.path, base, why)
            if token in tokens:
                raise ConfigError(
                    f"Two embeddings bring the token {token!r}. Use one of them, or rename the token of the other.",
                    code="duplicate-placeholder",
                    facts={"placeholder": token, "path": str(file.path)},
                )
            tokens[token] = {name: tensor.to(base.device) for name, tensor in vectors.items()}
    return tokens


def _wide(widths: Mapping[str, int]) -> str:
    return " and ".join(str(width) for width in widths.values()) + " wide"


def _mismatch(path: Path, base: Base, why: str) -> ArtefactError:
    return ArtefactError(
        f"{path} does not fit the base {base.folder}: {why}. Use the base it was made for.",
        code="adapter-mismatch",
        facts={"path": str(path), "base": str(base.folder), "reason": why},
    )
