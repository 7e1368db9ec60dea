"""What changes a technique's parameters by their gradients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from schedulefree import AdamWScheduleFree
from torch import Tensor

from phalanx_worker.protocol.messages import Optimizer as OptimizerSettings
from phalanx_worker.techniques.technique import ParameterGroup
from phalanx_worker.training.optimizer_library import acting_rate, group_rates, library_optimizer
from phalanx_worker.training.optimizer_state import optimizer_tensors, restore_optimizer

ITERATE = "iterate"
"""Prefix of parameters as the steps go on from them, where those of the result are others."""


class Optimizer:
    """A library's optimizer over the parameter groups of a technique, with named state."""

    def __init__(self, settings: OptimizerSettings, groups: Sequence[ParameterGroup]) -> None:
        """Raises what `group_rates` and `library_optimizer` raise."""
        self._settings = settings
        self._rates = group_rates(settings, groups)
        self._named = {name: item for group in groups for name, item in group.parameters.items()}
        self._library = library_optimizer(settings, groups, self._rates)
        if isinstance(self._library, AdamWScheduleFree):
            self._library.train()

    def zero_gradients(self) -> None:
        """Forget the gradients of the step before."""
        self._library.zero_grad(set_to_none=True)

    def unscale(self, scaler: torch.amp.GradScaler) -> None:
        """Divide the gradients by a scaler's scale."""
        scaler.unscale_(self._library)

    def clip(self) -> float:
        """Limit the norm of all gradients together; returns the norm before."""
        limit = self._settings.maximum_gradient_norm
        norm = torch.nn.utils.clip_grad_norm_(self._named.values(), float("inf") if limit is None else limit)
        return float(norm)

    def step(self, factor: float) -> float:
        """Change the parameters with every group's rate times `factor`; returns the first group's rate."""
        for group, rate in zip(self._library.param_groups, self._rates, strict=True):
            group["lr"] = None if rate is None else rate * factor
        acting = acting_rate(self._settings, self._library)
        self._library.step()
        return acting

    @contextmanager
    def evaluated(self) -> Iterator[None]:
        """Within the block the parameters are those of a result.

        They differ from the ones that gradients are taken at with schedule-free alone, whose result is an average.
        """
        if not isinstance(self._library, AdamWScheduleFree):
            yield
            return
        iterates = self._iterates()
        self._library.eval()
        try:
            yield
        finally:
            self._library.train()
            # The way back through the library rounds, and looking must not change a training.
            self._set_iterates(iterates)

    def state(self) -> dict[str, Tensor]:
        """All that the next step depends on beside the parameters within `evaluated`."""
        tensors = optimizer_tensors(self._library, self._named)
        if not isinstance(self._library, AdamWScheduleFree):
            return tensors
        return tensors | {f"{ITERATE}.{name}": iterate for name, iterate in self._iterates().items()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Restore what `state` gave, and parameters where they are part of it."""
        prefix = f"{ITERATE}."
        iterates = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
        restore_optimizer(
            self._library, self._named, {name: state[name] for name in state if not name.startswith(prefix)}
        )
        self._set_iterates(iterates)

    def _iterates(self) -> dict[str, Tensor]:
        return {name: parameter.detach().clone() for name, parameter in self._named.items()}

    def _set_iterates(self, iterates: Mapping[str, Tensor]) -> None:
        with torch.no_grad():
            for name, iterate in iterates.items():
                self._named[name].copy_(iterate)
