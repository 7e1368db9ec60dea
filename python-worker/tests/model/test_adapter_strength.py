"""Strengths of adapters by part and block."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from safetensors.torch import save_file

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.adapter_strength import layer_strengths
from phalanx_worker.model.adapters import applied
from phalanx_worker.model.base import base_sha256
from phalanx_worker.model.load import load_base
from phalanx_worker.model.module_names import adaptable_layers
from phalanx_worker.protocol.messages import AdapterReference
from tests.small import adapter_reference


def written(folder: Path, base_folder: Path) -> str:
    """A LoRA over all layers."""
    tensors = {}
    torch.manual_seed(3)
    for name, layer in adaptable_layers(load_base(base_folder)).items():
        out, *inner = layer.weight.shape
        tensors[f"{name}.lora_down.weight"] = torch.randn(2, *inner)
        tensors[f"{name}.lora_up.weight"] = torch.randn(out, 2, *[1] * len(inner[1:]))
    save_file(tensors, folder / "all.safetensors")
    return str(folder / "all.safetensors")


def graded(
    file: str, strength: float = 1.0, parts: tuple[float, float] = (1.0, 1.0), **blocks: Any
) -> AdapterReference:
    plain = adapter_reference(file, strength, unet_strength=parts[0], text_encoder_strength=parts[1])
    return msgspec.structs.replace(plain, blocks=msgspec.structs.replace(plain.blocks, **blocks))


def test_strengths_of_parts_and_blocks_are_multiplied(base_folder: Path, tmp_path: Path) -> None:
    base, file = load_base(base_folder), written(tmp_path, base_folder)
    layers = adaptable_layers(base)
    before = {name: layer.weight.detach().clone() for name, layer in layers.items()}
    with applied(base, [adapter_reference(file, 1.0)]):
        whole = {name: layer.weight - before[name] for name, layer in layers.items()}
    middle, text = "lora_unet_mid_block_resnets_0_conv1", "lora_te_text_model_encoder_layers_0_mlp_fc1"
    down, outside = "lora_unet_down_blocks_1_resnets_0_conv1", "lora_unet_time_embedding_linear_1"
    reference = graded(file, 0.5, (0.8, -2.0), middle=(0.25,), down=(1, 1, 1, 3.0, 1, 1, 1, 1), text_encoder=(0.5,))
    with applied(base, [reference]):
        for name, share in ((middle, 0.1), (down, 1.2), (outside, 0.4), (text, -0.5)):
            # Float32 sums of a weight and a change.
            expected = before[name] + share * whole[name]
            torch.testing.assert_close(layers[name].weight.detach(), expected, rtol=1e-4, atol=1e-5)
    assert base_sha256(base.parts) == base.sha256


def test_one_file_at_several_strengths_in_any_order(base_folder: Path, tmp_path: Path) -> None:
    base, file = load_base(base_folder), written(tmp_path, base_folder)
    references = [graded(file, parts=(1.0, 0.3)), graded(file, parts=(0.3, 1.0)), graded(file, middle=(0.7,))]
    hashes = set()
    for order in (references, references[::-1], references[1:] + references[:1]):
        with applied(base, order) as changed:
            hashes.add(base_sha256(changed.parts))
    assert len(hashes) == 1


def test_a_part_at_no_strength_stays_as_it_is(base_folder: Path, tmp_path: Path) -> None:
    base, file = load_base(base_folder), written(tmp_path, base_folder)
    before = base.text_encoder.state_dict()
    before = {name: tensor.clone() for name, tensor in before.items()}
    with applied(base, [graded(file, parts=(1.0, 0.0))]) as changed:
        after = changed.text_encoder.state_dict()
        assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


@pytest.mark.parametrize(
    ("family", "blocks", "code"),
    [
        ("sd-1", {"down": (1.0,) * 12}, "block-count"),
        ("sd-1", {"second_text_encoder": (1.0,)}, "no-such-blocks"),
        ("sdxl", {"middle": (1.0,)}, "block-count"),
    ],
)
def test_lists_of_another_length_are_refused(
    family_folders: dict[str, Path], family: str, blocks: dict[str, Any], code: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        layer_strengths(graded("a.safetensors", **blocks), load_base(family_folders[family]))
    assert caught.value.code == code
