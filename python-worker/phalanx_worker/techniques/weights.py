"""Training a base's own weights, with a way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class BorrowedWeights:
    """Weights of a base that may be changed until `give_back`."""

    parameters: Mapping[str, nn.Parameter]
    original: Mapping[str, Tensor]
    """What they were, under the same names."""

    def give_back(self) -> None:
        """Restore every weight, bit by bit, and freeze it."""
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(self.original[name])
                parameter.requires_grad_(False)
                parameter.grad = None


def borrow(parameters: Mapping[str, nn.Parameter]) -> BorrowedWeights:
    """Keep copies of weights and let them be trained."""
    original = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    return BorrowedWeights(dict(parameters), original)
