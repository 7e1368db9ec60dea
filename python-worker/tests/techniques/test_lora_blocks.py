"""Learning rates, ranks and alphas by block."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from phalanx_worker.artefacts.tensors import read_metadata, read_tensors
from phalanx_worker.errors import ConfigError
from phalanx_worker.jobs import train
from phalanx_worker.model.layer_block import LayerBlock, block_counts, layer_block
from phalanx_worker.model.load import load_base
from phalanx_worker.model.module_names import named_layers
from phalanx_worker.protocol.messages import DatasetReference, RateCurve
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.block_rates import curve_factors
from phalanx_worker.techniques.kohya_network import network_arguments
from phalanx_worker.techniques.lora import Lora
from phalanx_worker.techniques.lora_layers import LayerPlan, layer_plans
from phalanx_worker.training.optimizer import Optimizer
from tests.small import PLAIN, Recorder, lora_blocks, lora_technique, settings, train_job

EVERYTHING = ("attention", "mlp", "convolution")


def plans(folder: Path, blocks: dict[str, Any], **changes: Any) -> dict[str, LayerPlan]:
    technique = lora_technique(blocks=lora_blocks(**blocks), **changes)
    return {plan.layer.path: plan for plan in layer_plans(technique, load_base(folder))}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # sin(pi / 2 * i / 3), i / 3, both backwards, and nothing, with 0.25 on top.
        ("sine", [0.25, 0.75, 0.25 + math.sqrt(0.75), 1.25]),
        ("cosine", [1.25, 0.25 + math.sqrt(0.75), 0.75, 0.25]),
        ("linear", [0.25, 0.25 + 1 / 3, 0.25 + 2 / 3, 1.25]),
        ("reverse-linear", [1.25, 0.25 + 2 / 3, 0.25 + 1 / 3, 0.25]),
        ("zeros", [0.25] * 4),
    ],
)
def test_curves(name: Any, expected: list[float]) -> None:
    assert curve_factors(RateCurve(curve=name, base=0.25), 4) == pytest.approx(expected, abs=1e-12)


def test_blocks_are_counted_as_in_the_original_code(family_folders: dict[str, Path]) -> None:
    sd, sdxl = (load_base(family_folders[family]) for family in ("sd-1", "sdxl"))
    # Levels of the small bases times one residual block and one for the change of size.
    assert block_counts(sd) == {"down": 8, "middle": 1, "up": 8, "text_encoder": 1}
    assert block_counts(sdxl) == {"down": 6, "middle": 3, "up": 6, "text_encoder": 2, "second_text_encoder": 2}
    for base, middle in ((sd, 0), (sdxl, 1)):
        found = {layer.path: layer_block(layer.module, layer.path, base) for layer in named_layers(base, "unet")}
        assert found["conv_in"] == LayerBlock("down", 0)
        assert found["down_blocks.1.resnets.0.conv1"] == LayerBlock("down", 3)
        assert found["down_blocks.0.downsamplers.0.conv"] == LayerBlock("down", 2)
        assert found["up_blocks.1.resnets.1.conv1"] == LayerBlock("up", 3)
        assert found["up_blocks.1.upsamplers.0.conv"] == LayerBlock("up", 3)
        assert found["mid_block.attentions.0.proj_in"] == LayerBlock("middle", middle)
        assert found["conv_out"] is None and found["time_embedding.linear_1"] is None
        counts = block_counts(base)
        assert all(block is None or block.index < counts[block.region] for block in found.values())


def test_every_block_learns_at_its_rate_in_a_group_of_its_own(base_folder: Path) -> None:
    rates = {"down": (1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.0, 0.0), "text_encoder": (0.125,)}
    technique = Lora(lora_technique(blocks=lora_blocks(rates=rates), unet_learning_rate=1e-2), PLAIN)
    technique.attach(load_base(base_folder), Streams(0))
    groups = technique.parameter_groups()
    technique.detach()
    assert [(group.learning_rate, group.factor) for group in groups] == [
        (1e-2, 1.0), (1e-2, 0.5), (1e-2, 0.25), (None, 0.125),
    ]  # fmt: skip
    where = {name: group.factor for group in groups for name in group.parameters}
    assert where["lora_unet_down_blocks_1_attentions_0_proj_in.lora_down.weight"] == 0.5
    assert where["lora_unet_mid_block_attentions_0_proj_in.lora_down.weight"] == 1.0


def test_a_factor_multiplies_the_rate_of_every_step(base_folder: Path) -> None:
    technique = Lora(lora_technique(blocks=lora_blocks(rates={"middle": (0.25,)}), parts=("unet",)), PLAIN)
    technique.attach(load_base(base_folder), Streams(0))
    groups = technique.parameter_groups()
    plain = settings().optimizer
    optimizer = Optimizer(msgspec.structs.replace(plain, weight_decay=0.0), groups)
    before = technique.state()
    before = {name: tensor.clone() for name, tensor in before.items()}
    for parameter in (item for group in groups for item in group.parameters.values()):
        parameter.grad = torch.ones_like(parameter)
    optimizer.step(0.5)
    moved = {name: float((before[name] - tensor).abs().max()) for name, tensor in technique.state().items()}
    technique.detach()
    # Adam's first step is the rate itself wherever the gradient is not 0.
    for name, distance in moved.items():
        expected = plain.learning_rate * 0.5 * (0.25 if "mid_block" in name else 1.0)
        assert distance == pytest.approx(expected, rel=1e-3)


def test_a_block_without_rate_or_rank_is_left_out(base_folder: Path) -> None:
    paths = plans(base_folder, {"rates": {"down": RateCurve(curve="zeros", base=0.0)}, "ranks": {"middle": (0,)}})
    assert paths and not any(path.startswith(("down_blocks", "mid_block")) for path in paths)


def test_ranks_and_alphas_by_block(base_folder: Path) -> None:
    up = tuple(range(1, 9))
    found = plans(
        base_folder,
        {"ranks": {"up": up}, "alphas": {"up": tuple(map(float, up))}, "convolution_ranks": {"down": (3,) * 8}},
        targets=EVERYTHING,
        convolution_alpha=0.5,
    )
    assert (found["up_blocks.2.attentions.0.proj_in"].rank, found["up_blocks.2.attentions.0.proj_in"].alpha) == (5, 5.0)
    # Without ranks of their own, convolutions follow their block, but their alpha is given.
    assert (found["up_blocks.2.resnets.1.conv1"].rank, found["up_blocks.2.resnets.1.conv1"].alpha) == (6, 0.5)
    assert (found["down_blocks.0.resnets.0.conv1"].rank, found["down_blocks.0.attentions.0.proj_in"].rank) == (3, 4)


@pytest.mark.parametrize(
    ("blocks", "changes", "code", "setting"),
    [
        ({"rates": {"down": (1.0,) * 12}}, {}, "block-count", "blocks.rates.down"),
        ({"rates": {"down": (1.0,) * 7}}, {}, "block-count", "blocks.rates.down"),
        ({"ranks": {"middle": (1, 2, 3)}}, {}, "block-count", "blocks.ranks.middle"),
        ({"alphas": {"up": ()}}, {}, "block-count", "blocks.alphas.up"),
        ({"convolution_ranks": {"up": (1,)}}, {}, "block-count", "blocks.convolutionRanks.up"),
        ({"convolution_alphas": {"up": (1.0,)}}, {}, "block-count", "blocks.convolutionAlphas.up"),
        ({"rates": {"middle": RateCurve(curve="sine", base=0.0)}}, {}, "block-count", "blocks.rates.middle"),
        ({"rates": {"second_text_encoder": (1.0,)}}, {}, "no-such-blocks", "blocks.rates.secondTextEncoder"),
        ({"rates": {"text_encoder": (1.0,)}}, {"parts": ("unet",)}, "no-such-blocks", "blocks.rates.textEncoder"),
    ],
)
def test_lists_of_another_length_are_refused(
    base_folder: Path, blocks: dict[str, Any], changes: dict[str, Any], code: str, setting: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        plans(base_folder, blocks, **changes)
    assert (caught.value.code, caught.value.facts["setting"]) == (code, setting)


def test_what_is_trained_is_what_the_file_says(
    family_folders: dict[str, Path], dataset: DatasetReference, tmp_path: Path
) -> None:
    blocks = lora_blocks(
        rates={"down": RateCurve(curve="reverse-linear", base=0.5), "second_text_encoder": (0.0, 1.0)},
        ranks={"middle": (2, 3, 5)},
    )
    technique = lora_technique(blocks=blocks)
    job = train_job(family_folders["sdxl"], dataset, tmp_path / "run", technique=technique)
    path = Path(train.run(job, Recorder().context).path)
    tensors = read_tensors(path)
    assert tensors["lora_unet_middle_block_1_proj_in.lora_down.weight"].shape[0] == 3
    assert not any(name.startswith("lora_te2_text_model_encoder_layers_0") for name in tensors)
    arguments = json.loads(read_metadata(path)["ss_network_args"])
    # 1 + 6 + 3 + 6 + 1 blocks.
    assert arguments == {
        "down_lr_weight": "reverse_linear+0.5",
        "block_dims": "4,4,4,4,4,4,4,2,3,5,4,4,4,4,4,4,4",
        "block_alphas": ",".join(["8.0"] * 17),
    }


def test_convolutions_have_arguments_of_their_own(base_folder: Path) -> None:
    blocks = lora_blocks(ranks={"middle": (2,)}, convolution_alphas={"middle": (7.0,)})
    technique = lora_technique(targets=EVERYTHING, blocks=blocks)
    arguments = network_arguments(technique, load_base(base_folder))
    assert arguments["conv_block_dims"] == arguments["block_dims"] == ",".join(["4"] * 8 + ["2"] + ["4"] * 8)
    assert arguments["conv_block_alphas"] == ",".join(["8.0"] * 8 + ["7.0"] + ["8.0"] * 8)
    assert (arguments["conv_dim"], arguments["conv_alpha"]) == ("4", "8.0")
