"""AdamW over the parameter groups of a technique."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from phalanx_worker.protocol.messages import AdamwOptimizer
from phalanx_worker.techniques.technique import ParameterGroup

MOMENTS = ("step", "exp_avg", "exp_avg_sq")


class Optimizer:
    """`torch.optim.AdamW` with named state."""

    def __init__(self, settings: AdamwOptimizer, groups: Sequence[ParameterGroup]) -> None:
        self._settings = settings
        self._rates = [(group.learning_rate or settings.learning_rate) * group.factor for group in groups]
        self._named = {name: item for group in groups for name, item in group.parameters.items()}
        self._adamw = torch.optim.AdamW(
            [
                {"params": list(group.parameters.values()), "lr": rate}
                for group, rate in zip(groups, self._rates, strict=True)
            ],
            betas=(settings.beta1, settings.beta2),
            eps=settings.epsilon,
            weight_decay=settings.weight_decay,
            fused=True,
        )

    def zero_gradients(self) -> None:
        """Forget the gradients of the step before."""
        self._adamw.zero_grad(set_to_none=True)

    def clip(self) -> float:
        """Limit the norm of all gradients together; returns the norm before."""
        limit = self._settings.maximum_gradient_norm
        norm = torch.nn.utils.clip_grad_norm_(self._named.values(), float("inf") if limit is None else limit)
        return float(norm)

    def step(self, factor: float) -> float:
        """Change the parameters with every group's rate times `factor`; returns the first group's rate."""
        for group, rate in zip(self._adamw.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        self._adamw.step()
        return self._rates[0] * factor

    def state(self) -> dict[str, Tensor]:
        """Moments and step counts as `<moment>.<parameter>`; empty before the first step."""
        return {
            f"{moment}.{name}": self._adamw.state[parameter][moment]
            for name, parameter in self._named.items()
            if parameter in self._adamw.state
            for moment in MOMENTS
        }

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Restore what `state` gave."""
        for name, parameter in self._named.items():
            if f"step.{name}" in state:
                self._adamw.state[parameter] = {
                    moment: state[f"{moment}.{name}"].clone() if moment == "step"
                    else state[f"{moment}.{name}"].to(parameter.device).clone()
                    for moment in MOMENTS
                }  # fmt: skip
