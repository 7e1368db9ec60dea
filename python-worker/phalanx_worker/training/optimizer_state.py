"""The state of a library's optimizer as named tensors."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

NUMBER, GROUP = "number", "group"
"""Prefixes of numbers that belong to a parameter, and of those that belong to a group of parameters."""


def optimizer_tensors(library: torch.optim.Optimizer, named: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """What the optimizer keeps for each parameter, as `<what>.<parameter>`, and all numbers of its groups.

    `named` has the parameters in the order of the groups.
    """
    found: dict[str, Tensor] = {}
    for name, parameter in named.items():
        for what, value in library.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                found[f"{what}.{name}"] = value
            elif _is_number(value):
                found[f"{NUMBER}.{what}.{name}"] = _tensor(value)
    for index, group in enumerate(library.param_groups):
        found |= {f"{GROUP}.{index}.{what}": _tensor(value) for what, value in group.items() if _is_number(value)}
    return found


def restore_optimizer(
    library: torch.optim.Optimizer, named: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]
) -> None:
    """Restore what `optimizer_tensors` gave to an optimizer that was made alike."""
    indices = {name: index for index, name in enumerate(named)}
    # With what is in the optimizer already: what kind of number each is comes from the tensor.
    groups = library.state_dict()["param_groups"]
    state: dict[int, dict[str, object]] = {}
    for path, tensor in tensors.items():
        what, name = path.split(".", 1)
        if what == GROUP:
            index, what = name.split(".", 1)
            groups[int(index)][what] = tensor.item()
        elif what == NUMBER:
            what, name = name.split(".", 1)
            state.setdefault(indices[name], {})[what] = tensor.item()
        else:
            state.setdefault(indices[name], {})[what] = tensor.clone()
    library.load_state_dict({"state": state, "param_groups": groups})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _tensor(value: float) -> Tensor:
    # Nothing is rounded: these are the types of Python's numbers.
    return torch.tensor(value, dtype=torch.int64 if isinstance(value, int) else torch.float64)
