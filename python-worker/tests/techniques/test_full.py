"""Full training of chosen weights: what changes, how fast, and what stays."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor

from phalanx_worker.artefacts.tensors import read_metadata, read_tensors
from phalanx_worker.errors import ConfigError
from phalanx_worker.jobs import train
from phalanx_worker.model.adapters import applied
from phalanx_worker.model.base import base_tensors
from phalanx_worker.model.layer_pattern import full_path
from phalanx_worker.model.load import load_base
from phalanx_worker.model.low_rank import merged
from phalanx_worker.model.module_names import named_layers
from phalanx_worker.protocol.messages import ConstantSchedule, DatasetReference, LowRankSize, RateCurve
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.full import Full
from tests.small import PLAIN, Killed, Recorder, adapter_reference, full_technique, settings, train_job

KEYS = ("unet.*.attn2.to_k", "/text_encoder.*layer_norm1\\.bias/")


def tensors(folder: Path) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in base_tensors(load_base(folder).parts).items()}


def changes(base: Path, result: Path) -> dict[str, float]:
    """The largest change of each weight that is not what it was, bit by bit."""
    before, after = tensors(base), tensors(result)
    assert before.keys() == after.keys()
    return {
        name: float((after[name] - before[name]).abs().max())
        for name in before
        if not torch.equal(before[name], after[name])
    }


@pytest.mark.parametrize("family", ["sd-1", "sd-2", "sdxl"])
def test_chosen_weights_change_and_all_others_stay_bit_by_bit(
    family_folders: dict[str, Path], dataset: DatasetReference, tmp_path: Path, family: str
) -> None:
    base = family_folders[family]
    technique = full_technique(patterns=KEYS)
    train.run(train_job(base, dataset, tmp_path / "run", technique=technique, steps=2), Recorder().context)
    changed = changes(base, tmp_path / "run/result")
    pattern = re.compile(r"unet\..*\.attn2\.to_k\.(weight|bias)|text_encoder.*\.layer_norm1\.bias")
    # SDXL reads its first encoder before the last layer, which therefore learns nothing.
    idle = "text_encoder.encoder.layers.1.layer_norm1.bias" if family == "sdxl" else None
    assert changed.keys() == {name for name in tensors(base) if pattern.fullmatch(name)} - {idle}
    assert any(name.startswith("text_encoder") for name in changed)


def test_each_block_takes_steps_of_its_own_size(base_folder: Path, dataset: DatasetReference, tmp_path: Path) -> None:
    rates = {"down": RateCurve(curve="linear", base=0.25), "middle": (0.0,), "text_encoder": (0.5,)}
    technique = full_technique(rates, unet_learning_rate=1e-4, text_encoder_learning_rate=1e-5)
    optimizer = msgspec.structs.replace(settings().optimizer, weight_decay=0.0, maximum_gradient_norm=None)
    plain = {"optimizer": optimizer, "schedule": ConstantSchedule(warmup_steps=0), "ema_decay": None, "steps": 1}
    job = train_job(base_folder, dataset, tmp_path / "run", technique=technique, **plain)
    train.run(job, Recorder().context)
    changed = changes(base_folder, tmp_path / "run/result")
    # The first step of AdamW moves every weight by its rate, whatever the gradient.
    expected = {
        "unet.conv_in.weight": 0.25,
        "unet.down_blocks.1.resnets.0.conv1.weight": 0.25 + 3 / 7,
        "unet.down_blocks.2.downsamplers.0.conv.weight": 0.25 + 6 / 7,
        "unet.up_blocks.0.resnets.0.conv1.weight": 1.0,
        "unet.time_embedding.linear_1.weight": 1.0,
    }
    for name, factor in expected.items():
        assert changed[name] == pytest.approx(1e-4 * factor, rel=1e-2), name
    (of_layer,) = [name for name in changed if name.endswith("layers.0.mlp.fc1.weight")]
    assert changed[of_layer] == pytest.approx(1e-5 * 0.5, rel=2e-2)
    assert not any("mid_block" in name for name in changed)


def test_a_killed_training_of_chosen_weights_goes_on_bit_by_bit(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path
) -> None:
    technique = full_technique({"up": RateCurve(curve="cosine", base=0.0)}, patterns=KEYS, unet_learning_rate=3e-3)
    whole, killed = (
        train_job(base_folder, dataset, tmp_path / name, technique=technique) for name in ("whole", "killed")
    )
    train.run(whole, Recorder().context)
    with pytest.raises(Killed):
        train.run(killed, Recorder(raise_after=5).context)
    assert train.run(killed, Recorder().context).resumed_from == 3
    for file in ("weights", "optimizer", "average"):
        first, second = (
            read_tensors(Path(job.output) / f"checkpoints/step-00000008/{file}.safetensors") for job in (whole, killed)
        )
        assert first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)
    assert load_base(tmp_path / "whole/result").sha256 == load_base(tmp_path / "killed/result").sha256


def test_detaching_leaves_the_base_as_it_was(base_folder: Path) -> None:
    base = load_base(base_folder)
    before = {name: tensor.clone() for name, tensor in base_tensors(base.parts).items()}
    technique = Full(full_technique(patterns=("unet.conv_in",)), PLAIN)
    technique.attach(base, Streams(0))
    assert not technique.trains_text_encoder
    (group,) = technique.parameter_groups()
    assert list(group.parameters) == ["unet.conv_in.weight", "unet.conv_in.bias"]
    with torch.no_grad():
        for parameter in group.parameters.values():
            parameter.add_(1)
    technique.detach()
    after = base_tensors(base.parts)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any(parameter.requires_grad for part in base.parts.values() for parameter in part.parameters())


@pytest.mark.parametrize(
    ("changed", "code", "fact"),
    [
        ({"patterns": ("unet.*.attn9",)}, "unmatched-pattern", ("pattern", "unet.*.attn9")),
        ({"patterns": ("unet.*", "vae.*")}, "unmatched-pattern", ("pattern", "vae.*")),
        ({"patterns": ("/(/",)}, "broken-pattern", ("pattern", "/(/")),
        ({"patterns": ("text_encoder.*",), "parts": ("unet",)}, "unmatched-pattern", ("pattern", "text_encoder.*")),
        (
            {"rates": {"middle": (0.0,)}, "patterns": ("unet.mid_block.*",)},
            "no-weights",
            ("patterns", "unet.mid_block.*"),
        ),
        ({"rates": {"down": (1.0,) * 12}}, "block-count", ("expected", 8)),
        ({"rates": {"text_encoder": (1.0,)}, "parts": ("unet",)}, "no-such-blocks", None),
        (
            {"patterns": ("unet.*",), "text_encoder_learning_rate": 1e-5},
            "untrained-part",
            ("setting", "textEncoderLearningRate"),
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(
    base_folder: Path, changed: dict[str, Any], code: str, fact: tuple[str, object] | None
) -> None:
    base = load_base(base_folder)
    before = base.sha256
    technique = Full(full_technique(**changed), PLAIN)
    with pytest.raises(ConfigError) as caught:
        technique.attach(base, Streams(0))
    technique.detach()
    assert caught.value.code == code
    if fact is not None:
        assert caught.value.facts[fact[0]] == fact[1]
    assert load_base(base_folder).sha256 == before


def test_a_low_rank_result_is_the_training_of_what_it_can_hold(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path
) -> None:
    changed = {"steps": 3, "ema_decay": None, "checkpoint_every": 1}
    file = full_technique(layout=LowRankSize(rank=64, bytes=None))
    job = train_job(base_folder, dataset, tmp_path / "file", technique=file, **changed)
    result = train.run(job, Recorder().context)
    assert result.kind == "lora" and result.approximation is not None
    assert result.approximation.relative_error < 1e-5
    base = load_base(base_folder)
    layers = {layer.name: layer for part in ("text-encoder", "unet") for layer in named_layers(base, part)}  # type: ignore[arg-type]
    assert result.trained_parameters == sum(layer.layer.weight.numel() for layer in layers.values())
    trained = read_tensors(tmp_path / "file/checkpoints/step-00000003/weights.safetensors")
    assert trained.keys() == {f"{full_path(layer)}.weight" for layer in layers.values()}
    with applied(base, [adapter_reference(result.path, 1.0)]) as adapted, merged(list(adapted.parts.values())):
        for layer in layers.values():
            # Rounding of float32 decompositions, of weights around 0.3 that have changed by some thousandths.
            assert torch.allclose(layer.layer.weight, trained[f"{full_path(layer)}.weight"], atol=1e-6), layer.name
    metadata = read_metadata(Path(result.path))
    assert metadata["phalanx.steps"] == "3" and metadata["ss_network_dim"] == "64"
    again = train_job(base_folder, dataset, tmp_path / "again", technique=file, **changed)
    with pytest.raises(Killed):
        train.run(again, Recorder(raise_after=2).context)
    assert train.run(again, Recorder().context).resumed_from == 1
    assert (tmp_path / "again/result.safetensors").read_bytes() == (tmp_path / "file/result.safetensors").read_bytes()


def test_a_bias_is_no_weight_of_a_low_rank_result(base_folder: Path) -> None:
    settings = full_technique(patterns=("unet.conv_in.bias",), layout=LowRankSize(rank=4, bytes=None))
    technique = Full(settings, PLAIN)
    with pytest.raises(ConfigError) as caught:
        technique.attach(load_base(base_folder), Streams(0))
    assert caught.value.code == "unmatched-pattern"
