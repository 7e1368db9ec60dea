"""ControlNets and the pictures they read, for the requests of a drawing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.base import Base
from phalanx_worker.model.control_net import Control, ControlNet
from phalanx_worker.protocol.messages import ControlReference, SampleRequest
from phalanx_worker.sampling.plan import SamplingPlan
from phalanx_worker.training.images import CoverCrop, read_image
from phalanx_worker.training.latents import to_unit_tensor


@dataclass(frozen=True, eq=False)
class ControlInUse:
    """A loaded network with what is asked of it."""

    net: ControlNet
    reference: ControlReference

    def acts(self, timestep: float, plan: SamplingPlan) -> bool:
        """Whether the step at `timestep` lies wholly between start and end, as diffusers decides it."""
        done = sum(other > timestep for other in plan.timesteps)
        count = len(plan.timesteps)
        return not (done / count < self.reference.start or (done + 1) / count > self.reference.end)


@dataclass(frozen=True, eq=False)
class OpenControls:
    """Networks with all pictures that requests name."""

    controls: Sequence[ControlInUse]
    pictures: Mapping[str, Tensor]
    """By path: [3, height, width] in [0, 1]."""

    def of(self, batch: Sequence[SampleRequest], plan: SamplingPlan) -> Callable[[float], Sequence[Control]]:
        """Those that act on a batch at a timestep."""
        whole = [
            (control, torch.stack([self.pictures[request.controls[place]] for request in batch]))
            for place, control in enumerate(self.controls)
        ]

        def acting(timestep: float) -> list[Control]:
            return [
                Control(control.net, pictures, control.reference.strength)
                for control, pictures in whole
                if control.acts(timestep, plan)
            ]

        return acting


def open_controls(
    base: Base, controls: Sequence[ControlInUse], requests: Sequence[SampleRequest], size: tuple[int, int]
) -> OpenControls:
    """Read every picture once, scaled to cover `size` (width, height) and cropped at the centre.

    Raises ConfigError (`control-picture-missing`) and DatasetError for pictures that cannot be read.
    """
    if any(len(request.controls) != len(controls) for request in requests):
        raise ConfigError(
            f"Every request needs {len(controls)} pictures, one for each ControlNet. Name them in the nets' order.",
            code="control-picture-missing",
            facts={"nets": len(controls)},
        )
    wanted = dict.fromkeys(path for request in requests for path in request.controls)
    return OpenControls(controls, {path: control_picture(base, Path(path), CoverCrop(*size)) for path in wanted})


def control_picture(base: Base, path: Path, transform: CoverCrop) -> Tensor:
    """[3, height, width] in [0, 1], on the base's device."""
    return to_unit_tensor([read_image(path, transform)])[0].to(base.device)
