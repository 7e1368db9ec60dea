"""Low-rank layers against PEFT's, and their way back."""

from __future__ import annotations

import itertools

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import nn

from phalanx_worker.model.low_rank import (
    Adaptable,
    LowRankFactors,
    attach,
    detach,
    initial_factors,
    is_adaptable,
    low_rank_layer,
    merged,
)
from phalanx_worker.streams import Streams

RANK, ALPHA = 3, 2.0
LAYERS: dict[str, tuple[Adaptable, tuple[int, ...]]] = {
    "linear": (nn.Linear(10, 7), (2, 5, 10)),
    "linear, few rows": (nn.Linear(64, 64, bias=False), (1, 1, 64)),
    "1x1": (nn.Conv2d(6, 9, 1), (2, 6, 5, 5)),
    "3x3, stride 2": (nn.Conv2d(6, 9, 3, stride=2, padding=1), (2, 6, 8, 8)),
}


def random_factors(layer: Adaptable, name: str, strength: float = 1) -> LowRankFactors:
    down, up = initial_factors(layer, RANK, name, Streams(3))
    with torch.no_grad():
        up.copy_(torch.linspace(-1, 2, up.numel()).view_as(up))
    return LowRankFactors(down, up, strength * ALPHA / RANK)


@pytest.mark.parametrize("name", LAYERS)
def test_output_and_gradients_are_those_of_peft(name: str) -> None:
    layer, shape = LAYERS[name]
    layer.requires_grad_(False)
    factors = random_factors(layer, name)
    theirs = nn.Sequential(type(layer)(**_arguments(layer)))
    theirs[0].load_state_dict(layer.state_dict())
    inject_adapter_in_model(LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=["0"]), theirs)
    with torch.no_grad():
        theirs[0].lora_A["default"].weight.copy_(factors.down)
        theirs[0].lora_B["default"].weight.copy_(factors.up)
    rows = torch.randn(shape, generator=torch.Generator().manual_seed(1)).requires_grad_()
    attach(layer, factors)
    ours = layer(rows)
    gradients = torch.autograd.grad(ours.square().sum(), [rows, factors.down, factors.up])
    reference = theirs(rows)
    expected = torch.autograd.grad(
        reference.square().sum(), [rows, theirs[0].lora_A["default"].weight, theirs[0].lora_B["default"].weight]
    )
    with torch.no_grad():
        detach(layer, factors)
    # Float32 sums of a few hundred terms in another order.
    torch.testing.assert_close(ours, reference, rtol=1e-5, atol=1e-5)
    for one, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4 * float(other.abs().max()))


@pytest.mark.parametrize("name", LAYERS)
def test_both_orders_of_evaluation_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, shape = LAYERS[name]
    factors = random_factors(layer, name)
    rows = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    attach(layer, factors)
    held = low_rank_layer(layer)
    assert held is not None
    results = []
    for merge in (True, False):
        monkeypatch.setattr(held, "_merging_is_cheaper", lambda _, merge=merge: merge)
        results.append(layer(rows))
    detach(layer, factors)
    torch.testing.assert_close(*results, rtol=1e-5, atol=1e-5)


def test_several_changes_add_up_in_any_order_and_come_off_alone() -> None:
    layer = nn.Linear(12, 8)
    rows = torch.randn(4, 12)
    plain = layer(rows)
    changes = [random_factors(layer, f"{index}", strength) for index, strength in enumerate((1.0, 0.5, -2.0))]
    sums = []
    for order in itertools.permutations(changes):
        for change in order:
            attach(layer, change)
        sums.append(layer(rows))
        with torch.no_grad(), merged([layer]):
            assert low_rank_layer(layer) is None
            torch.testing.assert_close(layer(rows), sums[-1], rtol=1e-5, atol=1e-5)
        for change in order:
            detach(layer, change)
    expected = plain + sum(rows @ (change.up @ change.down).T * change.scale for change in changes)
    for found in sums:
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(layer(rows), plain)
    assert "forward" not in vars(layer)
    with pytest.raises(ValueError, match="not attached"):
        detach(layer, changes[0])


def test_lower_precision_never_rounds_the_change_into_the_weight() -> None:
    layer = nn.Linear(64, 64, bias=False).requires_grad_(False)
    with torch.no_grad():
        layer.weight.fill_(1)
    # Beside 1, a change of 1/1024 is lost in bfloat16, which has eight bits of mantissa.
    down = torch.zeros(1, 64)
    down[0, 0] = 1 / 1024
    change = LowRankFactors(down, torch.ones(64, 1), 1.0)
    attach(layer, change)
    rows = torch.zeros(512, 64)
    rows[:, 0], rows[:, 1] = 1, -1
    with torch.autocast("cpu", torch.bfloat16):
        changed = layer(rows)
    detach(layer, change)
    assert torch.equal(changed, torch.full((512, 64), 1 / 1024, dtype=torch.bfloat16))


def test_the_start_is_kaiming_uniform_and_depends_on_the_name_alone() -> None:
    layer = nn.Conv2d(40, 20, 3)
    down, up = initial_factors(layer, 16, "one", Streams(7))
    again, _ = initial_factors(layer, 16, "one", Streams(7))
    other, _ = initial_factors(layer, 16, "other", Streams(7))
    bound = 1 / (40 * 9) ** 0.5
    assert torch.equal(down, again)
    assert not torch.equal(down, other)
    assert not up.any()
    assert float(down.detach().abs().max()) <= bound
    # Of a uniform distribution, within five standard errors of 5,760 numbers.
    assert abs(float(down.detach().std()) - bound / 3**0.5) < 0.03 * bound


def test_grouped_convolutions_take_no_change() -> None:
    assert not is_adaptable(nn.Conv2d(4, 4, 3, groups=2))
    assert not is_adaptable(nn.Conv2d(4, 4, 3, padding="same"))
    assert not is_adaptable(nn.LayerNorm(4))


def _arguments(layer: Adaptable) -> dict[str, object]:
    if isinstance(layer, nn.Linear):
        return {
            "in_features": layer.in_features, "out_features": layer.out_features, "bias": layer.bias is not None
        }  # fmt: skip
    return {
        "in_channels": layer.in_channels, "out_channels": layer.out_channels, "kernel_size": layer.kernel_size,
        "stride": layer.stride, "padding": layer.padding,
    }  # fmt: skip
