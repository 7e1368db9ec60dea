"""Training a module's own weights, with a way back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class BorrowedModule:
    """A module of a base whose weights may be changed until `give_back`."""

    module: nn.Module
    original: dict[str, Tensor]

    def give_back(self) -> None:
        """Restore every weight, bit by bit, and freeze the module."""
        with torch.no_grad():
            for name, tensor in self.module.state_dict().items():
                tensor.copy_(self.original[name])
        self.module.requires_grad_(False)
        for parameter in self.module.parameters():
            parameter.grad = None


def borrow(module: nn.Module) -> BorrowedModule:
    """Keep a copy of the weights and let them be trained."""
    original = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}
    module.requires_grad_(True)
    return BorrowedModule(module, original)
