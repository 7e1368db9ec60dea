"""How much memory a training takes, as far as shapes tell."""

from __future__ import annotations

import math
from collections import Counter

import torch
from schedulefree import AdamWScheduleFree
from torch import Tensor, nn

from phalanx_worker.model.base import Base, base_tensors
from phalanx_worker.protocol.messages import AdamwEightBitOptimizer, Optimizer, TrainingMemory, TrainingSettings
from phalanx_worker.techniques.technique import ParameterGroup, Technique, named_parameters
from phalanx_worker.training.optimizer_library import group_rates, library_optimizer

EIGHT_BIT_LEAST = 4096
"""Numbers of a tensor from which bitsandbytes keeps its moments in 8 bits."""
EIGHT_BIT_BLOCK = 256
"""Numbers that share a scale in float32."""
ROWS = 32
"""Of the parameters that are tried."""


def training_memory(settings: TrainingSettings, base: Base, technique: Technique) -> TrainingMemory:
    """Bytes of what lasts from step to step, for a technique that is attached; needs shapes alone, no numbers.

    What is computed within a step comes on top, and depends on the size of batch and images.
    """
    trained = list(named_parameters(technique).values())
    size = sum(parameter.nbytes for parameter in trained)
    return TrainingMemory(
        # Where weights of the base itself are trained, their originals are kept to be put back.
        weights=sum(tensor.nbytes for tensor in base_tensors(base.parts).values()) + size,
        gradients=size,
        optimizer=optimizer_bytes(settings.optimizer, [parameter.shape for parameter in trained]),
        average=0 if settings.ema_decay is None else size,
    )


def optimizer_bytes(settings: Optimizer, shapes: list[torch.Size]) -> int:
    """What an optimizer keeps for parameters of these shapes, found by one step on small ones."""
    if isinstance(settings, AdamwEightBitOptimizer):
        return sum(_eight_bit_bytes(shape.numel()) for shape in shapes)
    total = 0.0
    for shape, count in Counter(tuple(shape) for shape in shapes).items():
        # Whatever an optimizer keeps, whole moments or sums of rows and columns, grows evenly with the first dimension.
        small, larger = (_state_bytes(settings, (rows, *shape[1:])) for rows in (ROWS, 2 * ROWS))
        total += count * (small + (shape[0] - ROWS) / ROWS * (larger - small))
    return round(total)


def _state_bytes(settings: Optimizer, shape: tuple[int, ...]) -> int:
    # Not 0: Prodigy keeps no origin for what starts there.
    parameter = nn.Parameter(torch.ones(shape))
    groups = [ParameterGroup({"probe": parameter}, None)]
    library = library_optimizer(settings, groups, group_rates(settings, groups))
    if isinstance(library, AdamWScheduleFree):
        library.train()
    parameter.grad = torch.ones(shape)
    library.step()
    return sum(value.nbytes for value in library.state[parameter].values() if isinstance(value, Tensor))


def _eight_bit_bytes(numbers: int) -> int:
    moment = numbers + 4 * math.ceil(numbers / EIGHT_BIT_BLOCK) if numbers >= EIGHT_BIT_LEAST else 4 * numbers
    return 2 * moment
