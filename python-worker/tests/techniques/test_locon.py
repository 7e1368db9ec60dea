"""LoRAs over convolutions and over layers chosen by patterns."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from phalanx_worker.artefacts.tensors import read_metadata, read_tensors
from phalanx_worker.errors import ConfigError, LabError
from phalanx_worker.jobs import train
from phalanx_worker.model.adapters import applied
from phalanx_worker.model.base import base_sha256
from phalanx_worker.model.layer_pattern import full_path, matching
from phalanx_worker.model.load import load_base
from phalanx_worker.model.module_names import named_layers
from phalanx_worker.protocol.messages import (
    DatasetReference,
    LoraPattern,
    LoraTechnique,
)
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.lora import Lora
from phalanx_worker.techniques.lora_layers import LayerPlan, layer_plans
from tests.drawing import drawn, drawn_by_diffusers, largest_difference, request, sampling
from tests.small import PLAIN, Recorder, adapter_reference, lora_technique, train_job

REQUESTS = [request("a photo of a hand", 1, "a fist"), request("a drawing of a fist", 2, "")]
LOCON = lora_technique(
    targets=("attention", "mlp", "convolution"), rank=4, alpha=8.0, convolution_rank=2, convolution_alpha=3.0
)


def plans(base: Path, **changes: object) -> list[LayerPlan]:
    return layer_plans(lora_technique(**changes), load_base(base))


def pattern(match: str, rank: int | None = None, alpha: float | None = None) -> LoraPattern:
    return LoraPattern(match=match, rank=rank, alpha=alpha)


def trained(base: Path, dataset: DatasetReference, output: Path, technique: LoraTechnique) -> Path:
    """A LoRA after eight steps, at a rate that shows in pictures."""
    job = train_job(base, dataset, output, technique=technique)
    fast = msgspec.structs.replace(job.settings.optimizer, learning_rate=2e-2)
    job = msgspec.structs.replace(job, settings=msgspec.structs.replace(job.settings, optimizer=fast))
    return Path(train.run(job, Recorder().context).path)


@pytest.mark.parametrize(
    ("family", "kind"),
    [("sd-1", StableDiffusionPipeline), ("sd-2", StableDiffusionPipeline), ("sdxl", StableDiffusionXLPipeline)],
)
def test_plain_diffusers_draws_the_same_with_a_locon(
    family_folders: dict[str, Path], dataset: DatasetReference, tmp_path: Path, family: str, kind: type
) -> None:
    folder = family_folders[family]
    path = trained(folder, dataset, tmp_path / "run", LOCON)
    tensors = read_tensors(path)
    name = {"sdxl": "lora_unet_middle_block_0_in_layers_2"}.get(family, "lora_unet_mid_block_resnets_0_conv1")
    shapes = [tuple(tensors[f"{name}.lora_{side}.weight"].shape) for side in ("down", "up")]
    # As sd-scripts' LoRAModule for a Conv2d: the kernel is in `down`.
    assert shapes == [(2, 16, 3, 3), (16, 2, 1, 1)] and float(tensors[f"{name}.alpha"]) == 3
    assert json.loads(read_metadata(path)["ss_network_args"]) == {"conv_dim": "2", "conv_alpha": "3.0"}
    base = load_base(folder)
    with applied(base, [adapter_reference(file=str(path), strength=1.0)]) as changed:
        ours = drawn(changed, REQUESTS, sampling())
    made = kind.from_pretrained(folder, local_files_only=True)  # type: ignore[attr-defined]
    made.set_progress_bar_config(disable=True)
    made.load_lora_weights(path)
    assert largest_difference(ours, drawn(base, REQUESTS, sampling())) > 20
    # Added into the weights here and beside them there: rounding differs, and seven and a half times guided.
    assert largest_difference(ours, drawn_by_diffusers(made, REQUESTS, sampling())) <= 2
    assert base_sha256(base.parts) == base.sha256


def test_every_layer_has_the_rank_of_its_kind(base_folder: Path) -> None:
    changes = msgspec.structs.asdict(LOCON)
    for plan in plans(base_folder, **changes):
        square = tuple(plan.layer.layer.weight.shape[2:]) == (3, 3)
        assert (plan.rank, plan.alpha) == ((2, 3.0) if square else (4, 8.0))
    without = plans(base_folder, **changes | {"convolution_rank": None, "convolution_alpha": None})
    assert {(plan.rank, plan.alpha) for plan in without} == {(4, 8.0)}


def test_a_detached_locon_leaves_the_base_as_it_was(base_folder: Path) -> None:
    base = load_base(base_folder)
    technique = Lora(LOCON, PLAIN)
    technique.attach(base, Streams(0))
    assert base_sha256(base.parts) == base.sha256
    technique.detach()
    assert base_sha256(base.parts) == base.sha256
    assert not any("forward" in vars(layer) for part in base.parts.values() for layer in part.modules())


def test_patterns_add_layers_and_change_ranks(base_folder: Path) -> None:
    found = plans(
        base_folder,
        targets=("mlp",),
        parts=("unet",),
        patterns=(
            pattern("unet.mid_block.*", rank=0),
            pattern("unet.*.ff.net.2", rank=3, alpha=2.0),
            pattern("/unet\\.conv_(in|out)/", alpha=5.0),
            pattern("unet.down_blocks.0.*.ff.net.2", rank=1),
        ),
    )
    ranks = {full_path(plan.layer): (plan.rank, plan.alpha) for plan in found}
    assert ranks["unet.conv_in"] == ranks["unet.conv_out"] == (4, 5.0)
    attention = "attentions.0.transformer_blocks.0.ff.net"
    assert ranks[f"unet.up_blocks.1.{attention}.2"] == (3, 2.0)
    assert ranks[f"unet.up_blocks.1.{attention}.0.proj"] == (4, 8.0)
    # The last pattern that matches counts as a whole.
    assert ranks[f"unet.down_blocks.0.{attention}.2"] == (1, 8.0)
    assert ranks[f"unet.mid_block.{attention}.2"] == (3, 2.0)
    assert f"unet.mid_block.{attention}.0.proj" not in ranks


def test_patterns_alone_choose_layers(base_folder: Path) -> None:
    found = plans(base_folder, targets=(), patterns=(pattern("*.to_k"), pattern("text_encoder.*fc1")))
    assert {full_path(plan.layer).rpartition(".")[2] for plan in found} == {"to_k", "fc1"}


@pytest.mark.parametrize(
    ("match", "nearest"),
    [
        ("unet.mid_block.attention.0.proj_in", "unet.mid_block.attentions.0.proj_in"),
        ("*to_kk", "to_k"),
        ("mid_block.resnets.0.conv1", "unet.mid_block.resnets.0.conv1"),
        ("/.*time_embeding.*/", "unet.time_embedding.linear_1"),
    ],
)
def test_a_pattern_that_matches_nothing_names_its_neighbours(base_folder: Path, match: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match="matches nothing") as caught:
        plans(base_folder, patterns=(pattern(match),))
    assert caught.value.code == "unmatched-pattern"
    assert nearest in str(caught.value.facts["nearest"])


def test_a_pattern_for_a_part_that_is_not_adapted_matches_nothing(base_folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        plans(base_folder, parts=("unet",), patterns=(pattern("text_encoder.*"),))
    assert caught.value.code == "unmatched-pattern"


def test_a_broken_regular_expression_is_refused(base_folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        plans(base_folder, patterns=(pattern("/unet.(/"),))
    assert caught.value.code == "broken-pattern"


def test_leaving_everything_out_is_refused(base_folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        plans(base_folder, patterns=(pattern("text_encoder.*", rank=0),))
    assert (caught.value.code, caught.value.facts["part"]) == ("no-layers", "text-encoder")


@given(text=st.text(min_size=1, max_size=40))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_pattern_matches_or_is_refused(base_folder: Path, text: str) -> None:
    paths = [full_path(layer) for layer in named_layers(load_base(base_folder), "text-encoder")]
    try:
        found = matching(text, paths)
    except LabError as error:
        assert error.code in ("unmatched-pattern", "broken-pattern")
    else:
        assert found


def test_a_whole_path_matches_itself_alone(base_folder: Path) -> None:
    paths = [full_path(layer) for layer in named_layers(load_base(base_folder), "unet")]
    for path in paths:
        assert matching(path, paths) == [path]
