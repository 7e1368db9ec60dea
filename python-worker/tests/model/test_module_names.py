"""Layers and their names in adapter files, for the true layouts of every family and for small bases."""

from __future__ import annotations

import hashlib

import pytest
import torch

from phalanx_worker.model.base import Base
from phalanx_worker.model.low_rank import Adaptable
from phalanx_worker.model.module_names import Part, Target, adaptable_layers, named_layers, other_names
from tests.layouts import base_without_memory


@pytest.fixture(scope="module", params=["sd-1", "sd-2", "sdxl"])
def full_size(request: pytest.FixtureRequest) -> Base:
    """A base with all layers of a published one."""
    return base_without_memory(request.param)


def target_layers(base: Base, part: Part, *targets: Target) -> dict[str, Adaptable]:
    return {layer.name: layer.layer for layer in named_layers(base, part) if layer.target in targets}


def rank_one(layer: Adaptable) -> int:
    """Parameters of a change of rank 1."""
    out, *inner = layer.weight.shape
    return out + torch.Size(inner).numel()


EXPECTED = {
    # research/trainers.md 1.2: modules of LoRA and LoCon, parameters per rank of LoRA and, for LoCon, apart for 3x3.
    "sd-1": (192, 278, 423_936, 506_816, 544_000),
    "sd-2": (192, 278, None, None, 544_000),
    "sdxl": (722, 788, 2_659_840, 2_718_400, 355_840),
}
SD_NAMES = (
    "bdfc29d0bf3d9ac65c7fa59ebed1e95ebdcacaa740eb561446353b489c14244c",
    "620b9a8905915e2523fcef094d7ccb9a486a442de589c0435a3951c3509cdf95",
)
NAMES = {
    # SHA-256 of the sorted names, one a line, of the targets that `networks/lora.py` has for LoRA and for LoCon, in
    # sd-scripts' own UNets (library/original_unet.py and sdxl_original_unet.py, v0.10.1) on the meta device.
    "sd-1": SD_NAMES,
    "sd-2": SD_NAMES,
    "sdxl": (
        "5d819b833e27947d429ba79ac3e24f388212474b229fb83dbc3444086264e018",
        "6eaed2d7a4528e0a5cd7d54f06410bec8d1c8b707015310af1925b23533a4b69",
    ),
}
TEXT = {"sd-1": [(72, 165_888)], "sdxl": [(72, 165_888), (192, 737_280)]}


def test_modules_and_parameters_are_those_of_sd_scripts(full_size: Base) -> None:
    modules, wide_modules, parameters, wide, convolutional = EXPECTED[full_size.family]
    lora = target_layers(full_size, "unet", "attention", "mlp")
    assert len(lora) == modules
    locon = target_layers(full_size, "unet", "attention", "mlp", "convolution")
    assert lora.keys() <= locon.keys() and len(locon) == wide_modules
    hashes = tuple(hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest() for names in (lora, locon))
    assert hashes == NAMES[full_size.family]
    square = {name for name, layer in locon.items() if tuple(layer.weight.shape[2:]) == (3, 3)}
    assert sum(rank_one(locon[name]) for name in square) == convolutional
    if parameters is not None:
        assert sum(map(rank_one, lora.values())) == parameters
        assert sum(rank_one(layer) for name, layer in locon.items() if name not in square) == wide


def test_text_encoders_have_the_layers_of_sd_scripts(full_size: Base) -> None:
    layers = target_layers(full_size, "text-encoder", "attention", "mlp", "convolution")
    prefixes = ("lora_te1_", "lora_te2_") if full_size.family == "sdxl" else ("lora_te_",)
    each = [[layer for name, layer in layers.items() if name.startswith(prefix)] for prefix in prefixes]
    assert all("text_model_encoder_layers_" in name for name in layers)
    if full_size.family == "sd-2":
        # 23 layers of width 1024: 4 * 2048 for attention and 2 * 5120 for the feed-forward layers, times the rank.
        assert [(len(each[0]), sum(map(rank_one, each[0])))] == [(138, 23 * (4 * 2048 + 2 * 5120))]
    else:
        assert [(len(part), sum(map(rank_one, part))) for part in each] == TEXT[full_size.family]


def test_names_are_unique_and_none_has_two_meanings(full_size: Base) -> None:
    layers, others = adaptable_layers(full_size), other_names(full_size)
    assert not others.keys() & layers.keys()
    assert set(others.values()) <= layers.keys()
    assert len(set(others.values())) == len(others)
    paths = sum(1 for module in full_size.parts.values() if module is not full_size.autoencoder
                for layer in module.modules() if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d))  # fmt: skip
    assert len(layers) == paths
