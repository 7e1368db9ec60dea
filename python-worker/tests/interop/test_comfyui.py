"""Everything that is written here, read by ComfyUI's own code: the same outputs, and no tensor is unknown to it."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from phalanx_worker.artefacts.tensors import read_tensors
from phalanx_worker.model.adapters import applied
from phalanx_worker.model.base import Base
from phalanx_worker.model.control_net import WEIGHTS, read_control_net
from phalanx_worker.model.load import load_base
from phalanx_worker.model.single_file_save import save_single_file
from tests.interop.files import CONTROL_NET, EMBEDDING, LOCON, LOHA, LOKR, LORA, exported, random_numbers
from tests.interop.outputs import added, inputs_for, outputs
from tests.interop.published_layout import published_layout
from tests.interop.side import largest_difference, result_of, run_side
from tests.small import adapter_reference

HOME, PYTHON = os.environ.get("COMFYUI_HOME", ""), os.environ.get("COMFYUI_PYTHON", "")
REASON = "COMFYUI_HOME names no checkout of ComfyUI, or COMFYUI_PYTHON no interpreter with its requirements"
pytestmark = pytest.mark.skipif(not (HOME and PYTHON), reason=REASON)
ADAPTERS = {"lora": LORA, "locon": LOCON, "loha": LOHA, "lokr": LOKR}
# Two libraries add the same float32 numbers in another order through some forty layers.
TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class Exchange:
    """A small base with one file of each kind, and what ComfyUI made of them."""

    folder: Path
    base: Base
    given: dict[str, Tensor]
    told: dict[str, list[str]]
    """Its warnings while it read each file."""


@pytest.fixture(scope="module", params=["sd-1", "sd-2", "sdxl"])
def exchange(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exchange:
    folder = tmp_path_factory.mktemp(request.param)
    # It takes the penultimate layer of texts, and refuses when that is the first. At 64 pixels the innermost level has
    # one place, where normalising groups of two numbers makes rounding large.
    sizes = {"text_layers": 3, "second_text_layers": 3, "image_size": 128}
    base = load_base(published_layout(folder / "base", request.param, **sizes))
    save_single_file(base, folder / "base.safetensors", "float32")
    for name, technique in ADAPTERS.items():
        exported(base, technique, folder, name)
    exported(base, EMBEDDING, folder, "five-fingers")
    net = exported(base, CONTROL_NET, folder / "control")
    shutil.copy(net / WEIGHTS, folder / "control-net.safetensors")
    given = {**inputs_for(base), "picture": random_numbers(5, 2, 3, base.image_size, base.image_size)}
    request_of = {"family": request.param, "adapters": list(ADAPTERS), "sizes": sizes_of(base)}
    run_side("comfyui_side.py", HOME, PYTHON, folder, given, **request_of)
    return Exchange(folder, base, given, json.loads((folder / "told.json").read_text()))


def sizes_of(base: Base) -> dict[str, Any]:
    config = base.unet.config
    unet: dict[str, Any] = {
        "model_channels": config.block_out_channels[0],
        "context_dim": config.cross_attention_dim,
    }
    if base.family == "sdxl":
        unet["adm_in_channels"] = config.projection_class_embeddings_input_dim
        depths = (0, *config.transformer_layers_per_block[1:])
        unet["transformer_depth"] = [depth for depth in depths for _ in range(2)]
    names = ("hidden_size", "num_attention_heads", "intermediate_size", "hidden_act", "max_position_embeddings")
    texts = [
        {name: getattr(encoder.config, name) for name in (*names, "num_hidden_layers", "eos_token_id")}
        for encoder in base.text_encoders
    ]
    if base.family == "sd-2":
        texts[0]["num_hidden_layers"] += 1
    return {"unet": unet, "texts": texts}


def test_a_checkpoint_gives_our_outputs(exchange: Exchange) -> None:
    assert exchange.told["base"] == []
    told = result_of(exchange.folder, "from-base")
    for name, tensor in outputs(exchange.base, exchange.given).items():
        assert largest_difference(told[name], tensor) < TOLERANCE, name


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_adapter_gives_our_outputs_and_every_tensor_finds_its_layer(exchange: Exchange, name: str) -> None:
    assert exchange.told[name] == []
    plain, told = outputs(exchange.base, exchange.given), result_of(exchange.folder, f"from-{name}")
    file = exchange.folder / f"{name}.safetensors"
    with applied(exchange.base, [adapter_reference(file=str(file), strength=1.0)]) as changed:
        found = outputs(changed, exchange.given)
    for output, tensor in found.items():
        assert largest_difference(told[output], tensor) < TOLERANCE, output
        # The file changes what comes out by far more than that.
        assert largest_difference(tensor, plain[output]) > 20 * TOLERANCE, output


def test_a_prompt_with_the_name_of_an_embedding_has_its_vectors(exchange: Exchange) -> None:
    assert exchange.told["embedding"] == []
    ours = read_tensors(exchange.folder / "five-fingers.safetensors")
    told = result_of(exchange.folder, "from-embedding")
    if exchange.base.family == "sdxl":
        assert told.keys() == ours.keys()
        assert all(torch.equal(told[name], tensor) for name, tensor in ours.items())
    else:
        ((only,), (vectors,)) = (told.values(), ours.values())
        assert torch.equal(only, vectors)


def test_a_control_net_adds_what_it_adds_here(exchange: Exchange) -> None:
    assert exchange.told["control-net"] == []
    net = read_control_net(exchange.folder / "control-net.safetensors", exchange.base)
    given = exchange.given
    with torch.no_grad():
        down, middle = net.module(
            given["latents"], given["timesteps"], given["texts"], given["picture"], added_cond_kwargs=added(given),
            return_dict=False,
        )  # fmt: skip
    told = result_of(exchange.folder, "from-control-net")
    found = {**{f"output.{place}": item for place, item in enumerate(down)}, "middle.0": middle}
    assert told.keys() == found.keys()
    for name, tensor in found.items():
        assert largest_difference(told[name], tensor) < TOLERANCE, name
