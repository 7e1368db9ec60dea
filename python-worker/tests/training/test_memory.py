"""What a training keeps in memory, against what it then keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from phalanx_worker.model.base import base_tensors
from phalanx_worker.model.load import load_base
from phalanx_worker.protocol.messages import AdamwEightBitOptimizer
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.lora import Lora
from phalanx_worker.techniques.technique import ParameterGroup, named_parameters
from phalanx_worker.training.memory import optimizer_bytes, training_memory
from phalanx_worker.training.optimizer_library import group_rates, library_optimizer
from tests.optimizers import OPTIMIZERS
from tests.small import PLAIN, lora_technique, settings

SHAPES = [(5, 7), (1, 7), (9,), (6, 4, 3, 3), (16, 1), (5, 7)]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_state_is_as_large_as_said(name: str) -> None:
    wanted = OPTIMIZERS[name]
    parameters = {str(index): nn.Parameter(torch.ones(shape)) for index, shape in enumerate(SHAPES)}
    groups = [ParameterGroup(parameters, None)]
    library = library_optimizer(wanted, groups, group_rates(wanted, groups))
    getattr(library, "train", lambda: None)()
    for parameter in parameters.values():
        parameter.grad = torch.full_like(parameter, 0.1)
    library.step()
    states = library.state.values()
    kept = sum(value.nbytes for state in states for value in state.values() if isinstance(value, Tensor))
    # Prodigy keeps every nth number of its origin, which does not divide all shapes.
    slack = 4 * len(SHAPES) if name == "prodigy" else 0
    assert abs(optimizer_bytes(wanted, [torch.Size(shape) for shape in SHAPES]) - kept) <= slack


def test_eight_bits_are_a_quarter_for_large_tensors() -> None:
    wanted = AdamwEightBitOptimizer(
        learning_rate=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.01, maximum_gradient_norm=None
    )
    # Two moments of a byte a number and a scale of 4 bytes for each 256; small tensors in float32.
    assert optimizer_bytes(wanted, [torch.Size((64, 64))]) == 2 * (4096 + 4 * 16)
    assert optimizer_bytes(wanted, [torch.Size((64, 63))]) == 2 * 4 * 4032


def test_all_parts_are_counted(base_folder: Path) -> None:
    base = load_base(base_folder)
    technique = Lora(lora_technique(rank=3), PLAIN)
    technique.attach(base, Streams(0))
    try:
        size = 4 * sum(item.numel() for item in named_parameters(technique).values())
        found = training_memory(settings(ema_decay=0.9), base, technique)
        assert found.weights == sum(tensor.nbytes for tensor in base_tensors(base.parts).values()) + size
        assert (found.gradients, found.average) == (size, size)
        assert training_memory(settings(ema_decay=None), base, technique).average == 0
    finally:
        technique.detach()
