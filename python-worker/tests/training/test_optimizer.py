"""The optimizers against formulas and against their libraries run by hand, and their state."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence

import pytest
import torch
from lion_pytorch import Lion
from prodigyopt import Prodigy
from schedulefree import AdamWScheduleFree
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers.optimization import Adafactor

from phalanx_worker.errors import ConfigError
from phalanx_worker.protocol.messages import AdamwEightBitOptimizer, AdamwOptimizer
from phalanx_worker.protocol.messages import Optimizer as OptimizerSettings
from phalanx_worker.techniques.technique import ParameterGroup
from phalanx_worker.training.optimizer import Optimizer
from phalanx_worker.training.optimizer_library import BITSANDBYTES
from tests.optimizers import ADAFACTOR, LION, OPTIMIZERS, PRODIGY, RELATIVE_ADAFACTOR, SCHEDULE_FREE, changed

SETTINGS = AdamwOptimizer(
    learning_rate=0.1, beta1=0.8, beta2=0.95, epsilon=1e-6, weight_decay=0.05, maximum_gradient_norm=0.7
)


def test_steps_follow_the_formulas_of_adamw() -> None:
    first, second = torch.nn.Parameter(torch.tensor([1.0, -2.0])), torch.nn.Parameter(torch.tensor([0.5]))
    optimizer = Optimizer(SETTINGS, [ParameterGroup({"a": first}, None), ParameterGroup({"b": second}, 0.01)])
    values, means, squares = [1.0, -2.0, 0.5], [0.0] * 3, [0.0] * 3
    for step in range(1, 6):
        gradients = [0.3 * step, -0.2, 0.4 / step]
        first.grad, second.grad = torch.tensor(gradients[:2]), torch.tensor(gradients[2:])
        norm = math.sqrt(sum(gradient**2 for gradient in gradients))
        assert optimizer.clip() == pytest.approx(norm, rel=1e-5)
        assert optimizer.step(0.5) == pytest.approx(0.05)
        # torch divides by the norm + 1e-6.
        scale = min(1.0, 0.7 / (norm + 1e-6))
        for index, rate in enumerate((0.05, 0.05, 0.005)):
            gradient = gradients[index] * scale
            means[index] = 0.8 * means[index] + 0.2 * gradient
            squares[index] = 0.95 * squares[index] + 0.05 * gradient**2
            mean, square = means[index] / (1 - 0.8**step), squares[index] / (1 - 0.95**step)
            values[index] -= rate * (0.05 * values[index] + mean / (math.sqrt(square) + 1e-6))
        assert [*first.tolist(), *second.tolist()] == pytest.approx(values, rel=1e-5)


Library = Callable[[list[nn.Parameter], float | None], torch.optim.Optimizer]
LIBRARIES: dict[str, tuple[OptimizerSettings, Library]] = {
    "adafactor": (
        ADAFACTOR,
        lambda parameters, rate: Adafactor(
            parameters, lr=rate, relative_step=False, scale_parameter=False, beta1=0.8, weight_decay=0.02
        ),
    ),
    "relative adafactor": (
        RELATIVE_ADAFACTOR,
        lambda parameters, _: Adafactor(parameters, relative_step=True, scale_parameter=True, weight_decay=0.02),
    ),
    "lion": (LION, lambda parameters, rate: Lion(parameters, lr=rate, betas=(0.8, 0.95), weight_decay=0.02)),
    "prodigy": (
        PRODIGY,
        lambda parameters, rate: Prodigy(
            parameters,
            lr=rate,
            betas=(0.8, 0.95),
            weight_decay=0.01,
            use_bias_correction=True,
            d0=1e-4,
            d_coef=2.0,
            slice_p=2,
        ),
    ),
    "schedule-free": (
        SCHEDULE_FREE,
        lambda parameters, rate: AdamWScheduleFree(
            parameters, lr=rate, betas=(0.8, 0.95), weight_decay=0.02, warmup_steps=3, r=1.0
        ),
    ),
}
"""Settings, and the same optimizer of the library written out."""


def new_parameters() -> dict[str, nn.Parameter]:
    generator = torch.Generator().manual_seed(3)
    shapes = {"a": (4, 6), "b": (5,), "c": (2, 3, 3, 3)}
    return {name: nn.Parameter(torch.randn(shape, generator=generator)) for name, shape in shapes.items()}


def gradients(step: int) -> list[Tensor]:
    # They agree enough for an estimate of the rate to grow.
    generator = torch.Generator().manual_seed(100 + step)
    return [1 + 0.3 * torch.randn(parameter.shape, generator=generator) for parameter in new_parameters().values()]


def take(optimizer: Optimizer, parameters: dict[str, nn.Parameter], steps: Sequence[int]) -> list[float]:
    """Steps that look at the result now and then, as previews do; their rates."""
    rates = []
    for step in steps:
        for parameter, gradient in zip(parameters.values(), gradients(step), strict=True):
            parameter.grad = gradient
        optimizer.clip()
        rates.append(optimizer.step(1.0))
        if step % 2 == 0:
            with optimizer.evaluated():
                pass
    return rates


@pytest.mark.parametrize("name", LIBRARIES)
def test_steps_are_those_of_the_library(name: str) -> None:
    settings, library = LIBRARIES[name]
    ours, theirs = new_parameters(), new_parameters()
    optimizer = Optimizer(settings, [ParameterGroup(ours, None)])
    plain = library(list(theirs.values()), settings.learning_rate)
    if isinstance(plain, AdamWScheduleFree):
        plain.train()
    for step in range(6):
        take(optimizer, ours, [step])
        for parameter, gradient in zip(theirs.values(), gradients(step), strict=True):
            parameter.grad = gradient
        if settings.maximum_gradient_norm is not None:
            nn.utils.clip_grad_norm_(theirs.values(), settings.maximum_gradient_norm)
        plain.step()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours), step
    assert not torch.equal(ours["a"], new_parameters()["a"])
    if isinstance(plain, AdamWScheduleFree):
        plain.eval()
    with optimizer.evaluated():
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_making_one_prints_nothing(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    Optimizer(OPTIMIZERS[name], [ParameterGroup({"a": nn.Parameter(torch.zeros(2))}, OPTIMIZERS[name].learning_rate)])
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["adamw", "adafactor", "lion", "schedule-free"])
def test_groups_have_rates_of_their_own(name: str) -> None:
    settings = OPTIMIZERS[name]
    both, alone = new_parameters(), new_parameters()
    groups = [ParameterGroup({"a": both["a"], "b": both["b"]}, None), ParameterGroup({"c": both["c"]}, 0.04, 0.5)]
    # Clipping looks at all gradients together.
    unclipped = changed(settings, maximum_gradient_norm=None)
    take(Optimizer(unclipped, groups), both, range(4))
    take(Optimizer(changed(unclipped, learning_rate=0.02), [ParameterGroup(alone, None)]), alone, range(4))
    assert torch.equal(both["c"], alone["c"])
    assert not torch.equal(both["a"], alone["a"])


@pytest.mark.parametrize(
    ("settings", "group"),
    [
        (PRODIGY, ParameterGroup({"b": nn.Parameter(torch.ones(1))}, 0.5)),
        (PRODIGY, ParameterGroup({"b": nn.Parameter(torch.ones(1))}, None, 16.0)),
        (RELATIVE_ADAFACTOR, ParameterGroup({"b": nn.Parameter(torch.ones(1))}, 0.01)),
        (RELATIVE_ADAFACTOR, ParameterGroup({"b": nn.Parameter(torch.ones(1))}, None, 0.5)),
    ],
)
def test_rates_of_groups_are_refused_where_there_is_one_for_all(
    settings: OptimizerSettings, group: ParameterGroup
) -> None:
    first = ParameterGroup({"a": nn.Parameter(torch.ones(1))}, None)
    with pytest.raises(ConfigError) as caught:
        Optimizer(settings, [first, group])
    assert caught.value.code == "one-learning-rate"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_restored_state_goes_on_bit_by_bit(name: str) -> None:
    settings = OPTIMIZERS[name]
    whole = new_parameters()
    optimizer = Optimizer(settings, [ParameterGroup(whole, None)])
    take(optimizer, whole, range(3))
    state = {key: tensor.clone() for key, tensor in optimizer.state().items()}
    with optimizer.evaluated():
        kept = {key: parameter.detach().clone() for key, parameter in whole.items()}
    rates = take(optimizer, whole, range(3, 6))
    resumed = {key: nn.Parameter(tensor) for key, tensor in kept.items()}
    again = Optimizer(settings, [ParameterGroup(resumed, None)])
    again.load_state(state)
    assert take(again, resumed, range(3, 6)) == rates
    assert all(torch.equal(resumed[key], whole[key]) for key in whole)
    first, second = optimizer.state(), again.state()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_parameter_without_gradients_has_no_state() -> None:
    parameters = new_parameters()
    optimizer = Optimizer(SCHEDULE_FREE, [ParameterGroup(parameters, None)])
    parameters["a"].grad = gradients(0)[0]
    optimizer.step(1.0)
    with optimizer.evaluated():
        assert torch.equal(parameters["b"], new_parameters()["b"])
    state = optimizer.state()
    assert "z.a" in state and "z.b" not in state
    again = Optimizer(SCHEDULE_FREE, [ParameterGroup(new_parameters(), None)])
    again.load_state(state)
    assert again.state().keys() == state.keys()


def test_rates_are_those_the_optimizer_reckons_with() -> None:
    parameters = new_parameters()
    rates = take(Optimizer(SCHEDULE_FREE, [ParameterGroup(parameters, None)]), parameters, range(5))
    assert rates == pytest.approx([1e-3 / 3, 2e-3 / 3, 1e-3, 1e-3, 1e-3])
    parameters = new_parameters()
    rates = take(Optimizer(RELATIVE_ADAFACTOR, [ParameterGroup(parameters, None)]), parameters, range(2))
    # The paper's min(0.01, 1 / sqrt(step)).
    assert rates == [0.01, 0.01]
    warming, parameters = changed(RELATIVE_ADAFACTOR, relative_warmup=True), new_parameters()
    rates = take(Optimizer(warming, [ParameterGroup(parameters, None)]), parameters, range(2))
    assert rates == [1e-6, 2e-6]
    parameters, plain = new_parameters(), new_parameters()
    prodigy = Prodigy(list(plain.values()), betas=(0.8, 0.95), d0=1e-4, d_coef=2.0, slice_p=2, weight_decay=0.01,
                      use_bias_correction=True)  # fmt: skip
    estimates = []
    for step in range(5):
        estimates.append(prodigy.param_groups[0]["d"])
        for parameter, gradient in zip(plain.values(), gradients(step), strict=True):
            parameter.grad = gradient
        prodigy.step()
    assert take(Optimizer(PRODIGY, [ParameterGroup(parameters, None)]), parameters, range(5)) == estimates
    assert estimates[-1] > estimates[0]


EIGHT_BITS = AdamwEightBitOptimizer(
    learning_rate=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.01, maximum_gradient_norm=1.0
)


def test_eight_bits_need_cuda() -> None:
    with pytest.raises(ConfigError) as caught:
        Optimizer(EIGHT_BITS, [ParameterGroup(new_parameters(), None)])
    assert caught.value.code == "optimizer-needs-cuda" and caught.value.facts == {"device": "cpu"}


def test_eight_bits_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    # Also where somebody has installed it.
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with FakeTensorMode():
        parameter = nn.Parameter(torch.ones(1, device="cuda"))
    with pytest.raises(ConfigError) as caught:
        Optimizer(EIGHT_BITS, [ParameterGroup({"a": parameter}, None)])
    assert caught.value.code == "package-missing"
    assert f"{sys.executable} -m pip install {BITSANDBYTES}" in str(caught.value)
