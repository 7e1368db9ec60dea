"""Dropout, limits of the norm, LoRA+, DoRA and warm starts in training."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from phalanx_worker.artefacts.tensors import read_metadata, read_tensors
from phalanx_worker.errors import ArtefactError
from phalanx_worker.jobs import train
from phalanx_worker.model.adapters import applied
from phalanx_worker.model.base import Base, base_sha256
from phalanx_worker.model.load import load_base
from phalanx_worker.model.low_rank_dropout import Dropout, DropoutRates, DropoutRows, LayerDropout
from phalanx_worker.protocol.messages import DatasetReference
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.lora import Lora
from tests.drawing import drawn, request, sampling
from tests.small import PLAIN, Recorder, adapter_reference, lora_technique, train_job

REQUESTS = [request("a photo of a hand", 1, "a fist")]
CAPTIONS = ("a photo of a hand", "a drawing of a fist", "a photo of a hand", "a hand, blue background")
ALL_DROPOUT = {"network_dropout": 0.3, "rank_dropout": 0.25, "module_dropout": 0.2}


def attached(base: Base, **changes: Any) -> Lora:
    technique = Lora(lora_technique(**changes), PLAIN)
    technique.attach(base, Streams(3))
    # What has learnt nothing would not show.
    with torch.no_grad():
        for name, parameter in technique.state().items():
            if "lora_up" in name:
                parameter.copy_(torch.linspace(-0.1, 0.1, parameter.numel()).view_as(parameter))
    return technique


def batch() -> Batch:
    latents = torch.randn(4, 4, 8, 8, generator=torch.Generator().manual_seed(2))
    return Batch(Streams(7), 3, (0, 1, 2, 3), CAPTIONS, None, latents, None)


def drawing(rates: DropoutRates, step: int = 1, rows: int = 2000) -> tuple[LayerDropout, DropoutRows, Dropout]:
    dropout = Dropout(rates)
    keys = {"unet": [str(row) for row in range(rows)]}
    return LayerDropout(dropout, "unet", "layer"), DropoutRows(Streams(1), step, keys), dropout


def test_a_thinned_number_is_nothing_or_grows() -> None:
    layer, rows, dropout = drawing(DropoutRates(0.25, 0.0, 0.0))
    with dropout.drawing(rows):
        found = layer.thinned(torch.ones(2000, 3, 4))
    assert found.unique().tolist() == pytest.approx([0.0, 4 / 3])
    # 24,000 draws: six standard deviations are 0.017.
    assert float((found == 0).float().mean()) == pytest.approx(0.25, abs=0.017)


@pytest.mark.parametrize("shape", [(2000, 5), (2000, 7, 5), (2000, 5, 3, 2)])
def test_a_rank_is_dropped_from_the_whole_row(shape: tuple[int, ...]) -> None:
    layer, rows, dropout = drawing(DropoutRates(0.0, 0.5, 0.0))
    with dropout.drawing(rows):
        found = layer.thinned(torch.ones(shape))
    ranks = found.movedim(1 if len(shape) == 4 else -1, 1).reshape(2000, 5, -1)
    assert torch.equal(ranks, ranks[:, :, :1].expand_as(ranks))
    # 10,000 draws: six standard deviations are 0.03.
    assert float((ranks[:, :, 0] == 0).float().mean()) == pytest.approx(0.5, abs=0.03)
    assert float(ranks.max()) == 2


def test_a_module_is_skipped_at_its_rate_and_never_without_gradients() -> None:
    rates = DropoutRates(0.0, 0.0, 0.3)
    skipped = []
    for step in range(1000):
        layer, rows, dropout = drawing(rates, step, rows=1)
        with dropout.drawing(rows):
            skipped.append(layer.skipped())
            with torch.no_grad():
                assert not layer.skipped()
        assert not layer.skipped()
    # Six standard deviations of 1,000 draws are 0.087.
    assert np.mean(skipped) == pytest.approx(0.3, abs=0.087)


def gradients(technique: Lora, parts: list[Batch]) -> dict[str, torch.Tensor]:
    named = {name: item for group in technique.parameter_groups() for name, item in group.parameters.items()}
    total: dict[str, torch.Tensor] = {}
    for part in parts:
        loss = technique.loss(part) * (len(part) / 4)
        found = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
        for name, gradient in zip(named, found, strict=True):
            if gradient is not None:
                total[name] = total[name] + gradient if name in total else gradient
    return total


def test_dropout_does_not_depend_on_batches(base_folder: Path) -> None:
    base = load_base(base_folder)
    technique = attached(base, **ALL_DROPOUT)
    whole = batch()
    together = gradients(technique, [whole])
    apart = gradients(technique, [whole.part(slice(0, 1)), whole.part(slice(1, 4))])
    other = gradients(technique, [Batch(Streams(7), 4, (0, 1, 2, 3), CAPTIONS, None, whole.latents, None)])
    technique.detach()
    assert together.keys() == apart.keys()
    # Sums over rows in another order.
    for name, gradient in together.items():
        torch.testing.assert_close(gradient, apart[name], rtol=1e-3, atol=1e-6)
    assert other.keys() != together.keys()


def test_nothing_is_dropped_when_a_loss_is_measured(base_folder: Path) -> None:
    base = load_base(base_folder)
    losses = []
    for changes in ({}, ALL_DROPOUT):
        technique = attached(base, **changes)
        with torch.no_grad():
            losses.append(float(technique.loss(batch())))
        technique.detach()
    assert losses[0] == losses[1]


def test_a_step_without_any_layer_has_no_gradient_and_no_error(base_folder: Path) -> None:
    base = load_base(base_folder)
    technique = attached(base, module_dropout=0.999, parts=("unet",))
    found = gradients(technique, [batch()])
    technique.detach()
    assert not any(bool(gradient.any()) for gradient in found.values())


@pytest.mark.parametrize("targets", [("attention",), ("convolution",)])
def test_changes_are_scaled_down_to_the_largest_norm(base_folder: Path, targets: tuple[str, ...]) -> None:
    base = load_base(base_folder)
    technique = attached(base, targets=targets, parts=("unet",), maximum_norm=0.2)
    before = {name: tensor.clone() for name, tensor in technique.state().items()}
    technique.after_step()
    after = technique.state()
    technique.detach()
    scaled = 0
    for name in before:
        if not name.endswith("lora_down.weight"):
            continue
        up = name.replace("lora_down", "lora_up")
        # As in `apply_max_norm_regularization`: the root of the ratio goes to each factor.
        product = before[up].flatten(1).double() @ before[name].flatten(1).double() * (8 / 4)
        share = math.sqrt(min(1.0, 0.2 / float(product.norm())))
        scaled += share < 1
        torch.testing.assert_close(after[name], (before[name] * share), rtol=1e-5, atol=1e-9)
        torch.testing.assert_close(after[up], (before[up] * share), rtol=1e-5, atol=1e-9)
    assert scaled > 0


def test_up_learns_faster_in_groups_of_its_own(base_folder: Path) -> None:
    technique = attached(load_base(base_folder), up_learning_rate_ratio=16.0)
    groups = technique.parameter_groups()
    technique.detach()
    assert sorted(group.factor for group in groups) == [1.0, 1.0, 16.0, 16.0]
    assert all((group.factor == 16) == ("lora_up" in name) for group in groups for name in group.parameters)


def test_a_dora_is_the_base_its_file_makes(base_folder: Path, dataset: DatasetReference, tmp_path: Path) -> None:
    technique = lora_technique(decomposed=True, targets=("attention", "mlp", "convolution"), module_dropout=0.1)
    job = train_job(base_folder, dataset, tmp_path / "run", technique=technique)
    path = Path(train.run(job, Recorder().context).path)
    tensors = read_tensors(path)
    layer = "lora_unet_mid_block_resnets_0_conv1"
    assert tuple(tensors[f"{layer}.dora_scale"].shape) == (16, 1, 1, 1)
    assert tuple(tensors["lora_te_text_model_encoder_layers_0_mlp_fc1.dora_scale"].shape) == (64, 1)
    base = load_base(base_folder)
    with applied(base, [adapter_reference(file=str(path), strength=1.0)]) as changed:
        from_file = drawn(changed, REQUESTS, sampling())
    again = Lora(technique, PLAIN)
    again.attach(base, Streams(0))
    again.load_state({name: tensor for name, tensor in tensors.items() if not name.endswith(".alpha")})
    beside = drawn(again.base, REQUESTS, sampling())
    again.detach()
    assert np.array_equal(from_file, beside)
    assert not np.array_equal(from_file, drawn(base, REQUESTS, sampling()))
    assert base_sha256(base.parts) == base.sha256


def test_a_training_starts_where_a_file_ends(base_folder: Path, tmp_path: Path) -> None:
    base = load_base(base_folder)
    first = attached(base, parts=("text-encoder",))
    stored = {name: tensor.clone() for layer in first._layers for name, tensor in layer.stored().items()}
    first.detach()
    save_file(stored, tmp_path / "first.safetensors")
    reference = adapter_reference(file=str(tmp_path / "first.safetensors"), strength=1.0)
    with applied(base, [reference]) as changed:
        expected = drawn(changed, REQUESTS, sampling())
    # Another alpha, and layers that the file has not.
    second = Lora(lora_technique(alpha=2.0, start=str(tmp_path / "first.safetensors")), PLAIN)
    second.attach(base, Streams(9))
    found = drawn(second.base, REQUESTS, sampling())
    second.detach()
    # The alpha is worked in: rounding.
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1
    assert not np.array_equal(expected, drawn(base, REQUESTS, sampling()))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"rank": 3}, "rank 4 there and 3 here"),
        ({"parts": ("unet",)}, "is not adapted here"),
        ({"decomposed": True}, "no magnitude there"),
    ],
)
def test_a_file_of_another_shape_is_no_start(
    base_folder: Path, tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    base = load_base(base_folder)
    first = attached(base, parts=("text-encoder",))
    stored = {name: tensor.clone() for layer in first._layers for name, tensor in layer.stored().items()}
    first.detach()
    save_file(stored, tmp_path / "first.safetensors")
    technique = Lora(lora_technique(**changes, start=str(tmp_path / "first.safetensors")), PLAIN)
    with pytest.raises(ArtefactError, match=told) as caught:
        technique.attach(base, Streams(0))
    technique.detach()
    assert caught.value.code == "start-mismatch"
    assert not any("forward" in vars(layer) for part in base.parts.values() for layer in part.modules())


def test_a_missing_start_is_refused(base_folder: Path, tmp_path: Path) -> None:
    technique = Lora(lora_technique(start=str(tmp_path / "none.safetensors")), PLAIN)
    with pytest.raises(ArtefactError) as caught:
        technique.attach(load_base(base_folder), Streams(0))
    technique.detach()
    assert caught.value.code == "missing-file"


def test_metadata_tells_of_limits(base_folder: Path, dataset: DatasetReference, tmp_path: Path) -> None:
    technique = lora_technique(**ALL_DROPOUT, maximum_norm=1.0, up_learning_rate_ratio=4.0)
    job = train_job(base_folder, dataset, tmp_path / "run", technique=technique)
    metadata = read_metadata(Path(train.run(job, Recorder().context).path))
    assert (metadata["ss_network_dropout"], metadata["ss_scale_weight_norms"]) == ("0.3", "1.0")
    assert msgspec.json.decode(metadata["ss_network_args"]) == {
        "rank_dropout": "0.25", "module_dropout": "0.2", "loraplus_lr_ratio": "4.0",
    }  # fmt: skip
