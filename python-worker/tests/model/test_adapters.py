"""Adapter files: good ones in any order, bad ones refused with a reason."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from phalanx_worker.errors import ArtefactError, ConfigError, LabError
from phalanx_worker.model.adapter_file import LoraFile, read_adapter
from phalanx_worker.model.adapters import applied
from phalanx_worker.model.base import base_sha256
from phalanx_worker.model.embedding_file import EmbeddingFile
from phalanx_worker.model.load import load_base
from phalanx_worker.protocol.messages import AdapterReference
from tests.drawing import drawn, largest_difference, request, sampling
from tests.small import adapter_reference

LAYER = "lora_unet_mid_block_attentions_0_proj_in"
TEXT_LAYER = "lora_te_text_model_encoder_layers_0_mlp_fc1"
REQUESTS = [request("a photo of a hand", 1)]


def lora_tensors(seed: int = 0, rank: int = 2, width: int = 16) -> dict[str, torch.Tensor]:
    """A LoRA over one layer of each part of the small base."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {
        f"{LAYER}.lora_down.weight": (rank, width, 1, 1),
        f"{LAYER}.lora_up.weight": (16, rank, 1, 1),
        f"{TEXT_LAYER}.lora_down.weight": (rank, 16),
        f"{TEXT_LAYER}.lora_up.weight": (64, rank),
    }
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def write(path: Path, tensors: dict[str, torch.Tensor]) -> AdapterReference:
    save_file(tensors, path)
    return adapter_reference(file=str(path), strength=1.0)


def test_the_order_of_adapters_makes_no_difference(base_folder: Path, tmp_path: Path) -> None:
    base = load_base(base_folder)
    loras = [write(tmp_path / f"{seed}.safetensors", lora_tensors(seed)) for seed in range(3)]
    loras.append(adapter_reference(file=loras[0].file, strength=-0.5))
    hashes = []
    for order in (loras, loras[::-1], [loras[2], loras[0], loras[3], loras[1]]):
        with applied(base, order) as changed:
            hashes.append(base_sha256(changed.parts))
    assert len(set(hashes)) == 1
    assert hashes[0] != base.sha256
    assert base_sha256(base.parts) == base.sha256


def test_strength_and_alpha_scale_the_change(base_folder: Path, tmp_path: Path) -> None:
    base = load_base(base_folder)
    weight = base.unet.mid_block.attentions[0].proj_in.weight
    tensors = lora_tensors()
    down, up = tensors[f"{LAYER}.lora_down.weight"], tensors[f"{LAYER}.lora_up.weight"]
    change = (up.flatten(1).double() @ down.flatten(1).double()).view(16, 16, 1, 1)
    tensors[f"{LAYER}.alpha"] = torch.tensor(5.0)
    file = write(tmp_path / "a.safetensors", tensors).file
    with applied(base, [adapter_reference(file=file, strength=0.25)]) as changed:
        found = changed.unet.mid_block.attentions[0].proj_in.weight
        torch.testing.assert_close(found.double(), weight.double() + 0.25 * 5 / 2 * change, rtol=1e-5, atol=1e-6)
    assert base.unet.mid_block.attentions[0].proj_in.weight is weight


def test_flat_and_square_factors_of_1x1_convolutions_mean_the_same(base_folder: Path, tmp_path: Path) -> None:
    base = load_base(base_folder)
    square = lora_tensors()
    flat = {name: tensor.flatten(1) for name, tensor in square.items()}
    hashes = []
    for name, tensors in {"square": square, "flat": flat}.items():
        with applied(base, [write(tmp_path / f"{name}.safetensors", tensors)]) as changed:
            hashes.append(base_sha256(changed.parts))
    assert hashes[0] == hashes[1]


def test_an_error_within_the_block_restores_the_base(base_folder: Path, tmp_path: Path) -> None:
    base = load_base(base_folder)
    adapters = [
        write(tmp_path / "a.safetensors", lora_tensors()),
        write(tmp_path / "b.safetensors", {"<new>": torch.ones(1, 16)}),
    ]
    with pytest.raises(KeyError), applied(base, adapters) as changed:
        drawn(changed, REQUESTS, sampling(steps=1))
        raise KeyError
    assert base_sha256(base.parts) == base.sha256


def test_embeddings_of_both_layouts(base_folder: Path, tmp_path: Path) -> None:
    base = load_base(base_folder)
    vector = torch.linspace(-2, 2, 16)
    adapters = [
        write(tmp_path / "<one>.safetensors", {"emb_params": vector[None]}),
        write(tmp_path / "file.safetensors", {"<two>": vector}),
    ]
    with applied(base, adapters) as changed:
        one, two, word = (
            drawn(changed, [request(f"a photo of a {token}", 1)], sampling()) for token in ("<one>", "<two>", "hand")
        )
    assert np.array_equal(one, two)
    assert largest_difference(one, word) > 1


def bad_tensors(name: str) -> dict[str, torch.Tensor]:
    good = lora_tensors()
    down = f"{LAYER}.lora_down.weight"
    return {
        "unpaired": {key: item for key, item in good.items() if key != down},
        "ranks differ": good | {down: torch.randn(3, 16, 1, 1)},
        "rank 0": good | {down: torch.zeros(0, 16, 1, 1), f"{LAYER}.lora_up.weight": torch.zeros(16, 0, 1, 1)},
        "not finite": good | {down: torch.full((2, 16, 1, 1), float("nan"))},
        "integers": good | {down: torch.ones(2, 16, 1, 1, dtype=torch.int32)},
        "two alphas": good | {f"{LAYER}.alpha": torch.ones(2)},
        "alpha alone": good | {"lora_unet_conv_in.alpha": torch.tensor(1.0)},
        "dora": good | {f"{LAYER}.dora_scale": torch.ones(1, 16, 1, 1)},
        "loha": {f"{LAYER}.hada_w1_a": torch.ones(2, 2)},
        "half of PEFT": {"unet.conv_in.lora_A.weight": torch.ones(2, 2)},
        "PEFT without part": {"conv_in.lora_A.weight": torch.ones(2, 2), "conv_in.lora_B.weight": torch.ones(2, 2)},
        "foreign tensor": good | {"unet.conv_in.weight": torch.ones(2, 2)},
        "whole model": {"conv_in.weight": torch.ones(2), "conv_out.weight": torch.ones(2)},
        "image": {"pixels": torch.ones(3, 8, 8)},
        "half of SDXL": {"clip_l": torch.ones(2, 16)},
        "more than SDXL": {"clip_l": torch.ones(2, 16), "clip_g": torch.ones(2, 16), "clip_x": torch.ones(2, 16)},
        "uneven SDXL": {"clip_l": torch.ones(2, 16), "clip_g": torch.ones(3, 16)},
        "SDXL": {"clip_l": torch.ones(2, 768), "clip_g": torch.ones(2, 1280)},
        "no vectors": {"<new>": torch.ones(0, 16)},
        "embedding not finite": {"<new>": torch.full((1, 16), float("inf"))},
        "empty": {},
        "width": lora_tensors(width=24),
        "name": {key.replace("mid_block_attentions_0", "mid_block_attentions_7"): item for key, item in good.items()},
        "embedding width": {"<new>": torch.ones(1, 768)},
    }[name]


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("unpaired", "broken-adapter", f"{LAYER} lacks .lora_down.weight"),
        ("ranks differ", "broken-adapter", "no common rank"),
        ("rank 0", "broken-adapter", "no common rank"),
        ("not finite", "broken-adapter", "not finite"),
        ("integers", "broken-adapter", LAYER),
        ("two alphas", "broken-adapter", "alpha"),
        ("alpha alone", "broken-adapter", "lora_unet_conv_in lacks"),
        ("dora", "unsupported-adapter", "DoRA"),
        ("loha", "broken-adapter", "lacks .hada_w1_b"),
        ("half of PEFT", "broken-adapter", "lora_unet_conv_in lacks .lora_up.weight"),
        ("PEFT without part", "unsupported-adapter", "conv_in.lora_A.weight, conv_in.lora_B.weight"),
        ("foreign tensor", "unsupported-adapter", "unet.conv_in.weight"),
        ("whole model", "unsupported-adapter", "2 tensors"),
        ("image", "unsupported-adapter", "pixels"),
        ("half of SDXL", "unsupported-adapter", "lacks clip_g"),
        ("more than SDXL", "unsupported-adapter", "clip_x"),
        ("uneven SDXL", "broken-adapter", "clip_l has 2 vectors and clip_g 3"),
        ("SDXL", "family-mismatch", "is made for the family sdxl"),
        ("no vectors", "unsupported-adapter", "(0, 16)"),
        ("embedding not finite", "broken-adapter", "not finite"),
        ("empty", "unsupported-adapter", "0 tensors"),
        ("width", "adapter-mismatch", "16 from (24, 1, 1) in the file and 16 from (16, 1, 1) in the base"),
        ("name", "adapter-mismatch", "lora_unet_mid_block_attentions_7_proj_in"),
        ("embedding width", "adapter-mismatch", "768 wide, the base's embeddings are 16 wide"),
    ],
)
def test_files_that_do_not_fit_are_refused(base_folder: Path, tmp_path: Path, name: str, code: str, told: str) -> None:
    base = load_base(base_folder)
    with pytest.raises(ArtefactError) as caught, applied(base, [write(tmp_path / "x.safetensors", bad_tensors(name))]):
        pass
    assert caught.value.code == code
    assert told in str(caught.value)
    assert base_sha256(base.parts) == base.sha256


def test_pickles_and_torn_files_are_refused_by_content(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write(path, lora_tensors())
    whole = path.read_bytes()
    torch.save({"string_to_param": {"*": torch.ones(1, 16)}}, tmp_path / "torch.safetensors")
    contents = {
        "pickled-file": [pickle.dumps({"a": 1}), (tmp_path / "torch.safetensors").read_bytes()],
        "broken-file": [b"", whole[:7], whole[:100], whole[:-1], whole + b"\0", b"\xff" * 64],
    }
    for code, variants in contents.items():
        for content in variants:
            path.write_bytes(content)
            with pytest.raises(ArtefactError) as caught:
                read_adapter(path)
            assert caught.value.code == code
    with pytest.raises(ArtefactError) as caught:
        read_adapter(tmp_path / "none.safetensors")
    assert caught.value.code == "missing-file"


@given(data=st.data())
@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_anywhere_gives_a_file_or_a_typed_error(data: st.DataObject, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write(path, lora_tensors())
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    try:
        assert isinstance(read_adapter(path), LoraFile | EmbeddingFile)
    except LabError as error:
        assert str(path) in str(error)


def test_tokens_that_are_taken_are_refused(base_folder: Path, tmp_path: Path) -> None:
    base = load_base(base_folder)
    known = write(tmp_path / "a.safetensors", {"hand": torch.ones(1, 16)})
    with pytest.raises(ConfigError) as caught, applied(base, [known]):
        pass
    assert caught.value.code == "placeholder-in-vocabulary"
    twice = [write(tmp_path / f"{name}.safetensors", {"<new>": torch.ones(1, 16)}) for name in "bc"]
    with pytest.raises(ConfigError) as caught, applied(base, twice):
        pass
    assert caught.value.code == "duplicate-placeholder"
    assert base_sha256(base.parts) == base.sha256
