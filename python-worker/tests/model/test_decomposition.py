"""DoRA against PEFT's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import nn

from phalanx_worker.model.low_rank import (
    Adaptable,
    LowRankFactors,
    attach,
    changed_weight,
    detach,
    initial_factors,
    low_rank_layer,
    row_lengths,
)
from phalanx_worker.streams import Streams

RANK, ALPHA = 3, 2.0


def layers() -> dict[str, tuple[Adaptable, tuple[int, ...]]]:
    torch.manual_seed(5)
    return {
        "linear": (nn.Linear(10, 7), (2, 5, 10)),
        "linear without bias": (nn.Linear(64, 64, bias=False), (1, 1, 64)),
        "1x1": (nn.Conv2d(6, 9, 1), (2, 6, 5, 5)),
        "3x3, stride 2": (nn.Conv2d(6, 9, 3, stride=2, padding=1), (2, 6, 8, 8)),
    }


def decomposed(layer: Adaptable, strength: float = 1.0) -> LowRankFactors:
    down, up = initial_factors(layer, RANK, "layer", Streams(3))
    with torch.no_grad():
        up.copy_(torch.linspace(-1, 2, up.numel()).view_as(up))
    lengths = row_lengths(layer.weight.detach())
    magnitude = nn.Parameter(lengths * torch.linspace(0.5, 2, len(lengths)).view_as(lengths))
    return LowRankFactors(down, up, ALPHA / RANK, magnitude, strength)


def peft_layer(layer: Adaptable, factors: LowRankFactors) -> Any:
    copy: Any = nn.Sequential(type(layer)(*_arguments(layer)[0], **_arguments(layer)[1]))
    copy[0].load_state_dict(layer.state_dict())
    inject_adapter_in_model(LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=["0"], use_dora=True), copy)
    assert factors.magnitude is not None
    with torch.no_grad():
        copy[0].lora_A["default"].weight.copy_(factors.down)
        copy[0].lora_B["default"].weight.copy_(factors.up)
        vector = copy[0].lora_magnitude_vector["default"].weight
        # PEFT starts where the weight is: its lengths are ours.
        torch.testing.assert_close(vector.flatten(), row_lengths(layer.weight).flatten())
        vector.copy_(factors.magnitude.view_as(vector))
    return copy


def _arguments(layer: Adaptable) -> tuple[tuple[int, ...], dict[str, Any]]:
    bias = layer.bias is not None
    if isinstance(layer, nn.Linear):
        return (layer.in_features, layer.out_features), {"bias": bias}
    kept = {"stride": layer.stride, "padding": layer.padding, "bias": bias}
    return (layer.in_channels, layer.out_channels, layer.kernel_size[0]), kept


@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize("name", layers())
def test_output_and_gradients_are_those_of_peft(name: str, merge: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, shape = layers()[name]
    layer.requires_grad_(False)
    factors = decomposed(layer)
    assert factors.magnitude is not None
    theirs = peft_layer(layer, factors)
    rows = torch.randn(shape, generator=torch.Generator().manual_seed(1)).requires_grad_()
    attach(layer, factors)
    monkeypatch.setattr(low_rank_layer(layer), "_merging_is_cheaper", lambda _: merge)
    ours = layer(rows)
    gradients = torch.autograd.grad(ours.square().sum(), [rows, factors.down, factors.up, factors.magnitude])
    detach(layer, factors)
    parts = [theirs[0].lora_A["default"].weight, theirs[0].lora_B["default"].weight]
    vector = theirs[0].lora_magnitude_vector["default"].weight
    reference = theirs(rows)
    expected = torch.autograd.grad(reference.square().sum(), [rows, *parts, vector])
    # Float32 sums of a few hundred terms in another order.
    torch.testing.assert_close(ours, reference, rtol=1e-5, atol=1e-5)
    for one, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(one, other.view_as(one), rtol=1e-4, atol=1e-4 * float(other.abs().max()))


@pytest.mark.parametrize("name", layers())
def test_the_weight_is_that_which_peft_merges(name: str) -> None:
    layer, _ = layers()[name]
    factors = decomposed(layer)
    theirs = peft_layer(layer, factors)
    before = layer.weight.detach().clone()
    with torch.no_grad():
        changed = changed_weight(layer.weight, [factors])
        half = changed_weight(layer.weight, [decomposed(layer, 0.5)])
    theirs[0].merge()
    torch.testing.assert_close(changed, theirs[0].base_layer.weight, rtol=1e-5, atol=1e-6)
    # A strength takes that share of the way from the base, as in ComfyUI.
    torch.testing.assert_close(half, (before + changed) / 2, rtol=1e-5, atol=1e-6)


def test_a_change_that_has_learnt_nothing_changes_nothing_but_rounding() -> None:
    layer, shape = layers()["linear"]
    down, up = initial_factors(layer, RANK, "layer", Streams(3))
    factors = LowRankFactors(down, up, ALPHA / RANK, row_lengths(layer.weight.detach()))
    rows = torch.randn(shape)
    plain = layer(rows)
    attach(layer, factors)
    torch.testing.assert_close(layer(rows), plain, rtol=1e-6, atol=1e-6)
    detach(layer, factors)
    assert torch.equal(layer(rows), plain)
