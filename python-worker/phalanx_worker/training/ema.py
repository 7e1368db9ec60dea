"""Exponential moving average of the trained weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class MovingAverage:
    """Equal to `diffusers.training_utils.EMAModel`: the decay rises as (1 + n) / (10 + n) up to `decay`."""

    def __init__(self, parameters: Mapping[str, nn.Parameter], decay: float) -> None:
        self._parameters = dict(parameters)
        self._decay = decay
        self._averages = {name: parameter.detach().clone() for name, parameter in parameters.items()}

    def update(self, step: int) -> None:
        """Take in the weights after the 1-based `step`."""
        done = step - 1
        decay = 0.0 if done <= 0 else min(self._decay, (1 + done) / (10 + done))
        with torch.no_grad():
            torch._foreach_lerp_(list(self._averages.values()), list(self._parameters.values()), 1.0 - decay)

    def state(self) -> dict[str, Tensor]:
        """The averages by name."""
        return dict(self._averages)

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Restore what `state` gave."""
        for name, average in self._averages.items():
            average.copy_(state[name])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within the block the parameters hold the averages."""
        kept = {name: parameter.detach().clone() for name, parameter in self._parameters.items()}
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(self._averages[name])
            try:
                yield
            finally:
                for name, parameter in self._parameters.items():
                    parameter.copy_(kept[name])
