"""Scaling of the loss, so that gradients in float16 do not vanish (Micikevicius et al., 2018)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from phalanx_worker.training.optimizer import Optimizer

MOST_IN_A_ROW = 20
"""Skipped steps; more than torch's first scale of 65536 needs to come down to 1."""


class Scaler:
    """`torch.amp.GradScaler` with counts of skipped steps.

    The scale is halved after gradients that are no numbers and doubled after 2000 steps without.
    """

    def __init__(self, device: torch.device) -> None:
        self._scaler = torch.amp.GradScaler(device.type)
        self._one = torch.ones((), device=device)
        self.skipped = 0
        """Steps skipped so far."""
        self.in_a_row = 0
        """Steps skipped since the last one that was taken."""

    def scale(self) -> Tensor:
        """What multiplies the loss in this step."""
        scale: Tensor = self._scaler.scale(self._one)
        return scale

    def unscale(self, optimizer: Optimizer) -> None:
        """Divide the gradients by the scale, and look whether they are numbers."""
        optimizer.unscale(self._scaler)

    def update(self, taken: bool) -> None:
        """End a step: choose the next scale, and count."""
        self._scaler.update()
        self.in_a_row = 0 if taken else self.in_a_row + 1
        self.skipped += not taken

    def state(self) -> dict[str, Tensor]:
        """All that the next step depends on."""
        own = self._scaler.state_dict()
        return {
            "scale": torch.tensor(own["scale"], dtype=torch.float64),
            "growth": torch.tensor(own["_growth_tracker"]),
            "skipped": torch.tensor(self.skipped),
            "in-a-row": torch.tensor(self.in_a_row),
        }

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Restore what `state` gave."""
        own = {"scale": float(state["scale"]), "_growth_tracker": int(state["growth"])}
        self._scaler.load_state_dict(self._scaler.state_dict() | own)
        self.skipped, self.in_a_row = int(state["skipped"]), int(state["in-a-row"])
