"""LoRAs, embeddings and checkpoints that are written here, read by the code of A1111's web UI."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from phalanx_worker.artefacts.tensors import read_metadata, read_tensors
from phalanx_worker.model.adapters import applied
from phalanx_worker.model.base import Base
from phalanx_worker.model.load import load_base
from phalanx_worker.model.prompt_weights import parse_weights
from phalanx_worker.model.single_file_save import ldm_tensors, save_single_file
from tests.interop.files import EMBEDDING, LOCON, LOHA, LOKR, LORA, exported
from tests.interop.published_layout import published_layout
from tests.interop.side import largest_difference, result_of, run_side
from tests.small import adapter_reference

HOME, PYTHON = os.environ.get("A1111_HOME", ""), os.environ.get("A1111_PYTHON", "")
REASON = "A1111_HOME names no checkout of A1111's web UI, or A1111_PYTHON no interpreter with torch and einops"
pytestmark = pytest.mark.skipif(not (HOME and PYTHON), reason=REASON)
ADAPTERS = {"lora": LORA, "locon": LOCON, "loha": LOHA, "lokr": LOKR}
VERSIONS = {"sd-1": "SD1", "sd-2": "SD2", "sdxl": "SDXL"}
# Two or four float32 factors, multiplied in another order.
TOLERANCE = 1e-5


@dataclass(frozen=True, eq=False)
class Exchange:
    """A small base with one file of each kind, and what A1111 made of them."""

    folder: Path
    base: Base
    told: dict[str, Any]


@pytest.fixture(scope="module", params=VERSIONS)
def exchange(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exchange:
    folder = tmp_path_factory.mktemp(request.param)
    base = load_base(published_layout(folder / "base", request.param))
    save_single_file(base, folder / "base.safetensors", "float32")
    for name, technique in ADAPTERS.items():
        exported(base, technique, folder, name)
    exported(base, EMBEDDING, folder, "five-fingers")
    run_side("a1111_side.py", HOME, PYTHON, folder, {}, task="files", family=request.param, adapters=list(ADAPTERS))
    return Exchange(folder, base, json.loads((folder / "told.json").read_text()))


@pytest.mark.parametrize("name", ADAPTERS)
def test_every_tensor_of_an_adapter_finds_its_layer_and_makes_our_weights(exchange: Exchange, name: str) -> None:
    file = exchange.folder / f"{name}.safetensors"
    assert exchange.told[name]["lines"] == []
    assert exchange.told[name]["layers"] == len({key.split(".")[0] for key in read_tensors(file)})
    plain = ldm_tensors(exchange.base)
    with applied(exchange.base, [adapter_reference(file=str(file), strength=1.0)]) as changed:
        ours = ldm_tensors(changed)
    told = result_of(exchange.folder, f"from-{name}")
    assert told.keys() < ours.keys()
    unused = last_layer_of_sd_2(told) if exchange.base.family == "sd-2" else ""
    compared = {key: ours[key] for key in told if unused == "" or unused not in key}
    apart = {key: largest_difference(told[key], tensor) for key, tensor in compared.items() if tensor.any()}
    assert {key: difference for key, difference in apart.items() if difference > TOLERANCE} == {}
    adapted = [key for key, tensor in compared.items() if not torch.equal(tensor, plain[key])]
    assert len(adapted) > 100


def last_layer_of_sd_2(names: Any) -> str:
    """Its file has one more than the base, which is no layer of a LoRA."""
    layers = {int(name.split(".resblocks.")[1].split(".")[0]) for name in names if ".resblocks." in name}
    return f".resblocks.{max(layers)}."


@pytest.mark.parametrize("name", ADAPTERS)
def test_it_tells_family_name_and_hash_from_the_metadata(exchange: Exchange, name: str) -> None:
    told = exchange.told[name]
    assert told["family"] == VERSIONS[exchange.base.family]
    assert told["alias"] == name
    assert told["hash"] == told["computed"] == read_metadata(exchange.folder / f"{name}.safetensors")["sshs_model_hash"]


def test_an_embedding_has_its_vectors(exchange: Exchange) -> None:
    ours, told = (
        read_tensors(exchange.folder / "five-fingers.safetensors"),
        result_of(exchange.folder, "from-embedding"),
    )
    widths = [int(encoder.config.hidden_size) for encoder in exchange.base.text_encoders]
    assert exchange.told["embedding"] == {"name": "five-fingers", "vectors": 2, "width": sum(widths)}
    expected: dict[str, Tensor] = ours if len(widths) > 1 else {"only": next(iter(ours.values()))}
    assert told.keys() == expected.keys()
    assert all(torch.equal(told[key], tensor) for key, tensor in expected.items())


def test_it_weighs_prompts_as_we_do(tmp_path: Path) -> None:
    prompts = [
        "a hand", "a (hand) with (five fingers:1.3)", "((very)) [faint] hand", r"\(literal\) hand", "an (unclosed hand",
        "a (hand:1.5) AND [[two]] (more: 0.5)", "closed) hand", "(a [nested (hand:0.7)] here:1.2)", "", "(:2)", "()",
    ]  # fmt: skip
    run_side("a1111_side.py", HOME, PYTHON, tmp_path, {}, task="texts", parameters=[], prompts=prompts)
    told = json.loads((tmp_path / "told.json").read_text())["prompts"]
    for prompt, theirs in zip(prompts, told, strict=True):
        ours = [(item.text, pytest.approx(item.weight)) for section in parse_weights(prompt) for item in section]
        # Nothing is an empty text there.
        assert ours == [(text, weight) for text, weight in theirs if text], prompt
