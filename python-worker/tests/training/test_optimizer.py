"""The optimizer against the formulas of AdamW, and its state."""

from __future__ import annotations

import math

import pytest
import torch

from phalanx_worker.protocol.messages import AdamwOptimizer
from phalanx_worker.techniques.technique import ParameterGroup
from phalanx_worker.training.optimizer import Optimizer

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


def test_restored_state_goes_on_bit_by_bit() -> None:
    generator = torch.Generator().manual_seed(1)
    gradients = [torch.randn(4, generator=generator) for _ in range(6)]
    whole = torch.nn.Parameter(torch.ones(4))
    optimizer = Optimizer(SETTINGS, [ParameterGroup({"a": whole}, None)])
    state, middle = {}, torch.zeros(4)
    for step, gradient in enumerate(gradients):
        if step == 3:
            state = {name: tensor.clone() for name, tensor in optimizer.state().items()}
            middle = whole.detach().clone()
        whole.grad = gradient.clone()
        optimizer.step(1.0)
    resumed = torch.nn.Parameter(middle)
    again = Optimizer(SETTINGS, [ParameterGroup({"a": resumed}, None)])
    again.load_state(state)
    for gradient in gradients[3:]:
        resumed.grad = gradient.clone()
        again.step(1.0)
    assert torch.equal(resumed, whole)


def test_there_is_no_state_before_the_first_step() -> None:
    assert Optimizer(SETTINGS, [ParameterGroup({"a": torch.nn.Parameter(torch.ones(1))}, None)]).state() == {}
