"""The numeric type of forward and backward passes."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal

import torch
import torch.nn.functional as functional

from phalanx_worker.errors import ConfigError

Precision = Literal["float32", "bfloat16", "float16"]
HALF = MappingProxyType({"bfloat16": torch.bfloat16, "float16": torch.float16})


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """A context in which operations that bear it are computed in `precision`; weights stay float32."""
    return torch.autocast(device.type, HALF.get(precision, torch.bfloat16), enabled=precision in HALF)


def check_precision(device: torch.device, precision: Precision) -> None:
    """Compute something small. Raises ConfigError (`precision-unsupported`) when the device cannot."""
    if precision not in HALF:
        return
    try:
        with autocast(device, precision):
            weight = torch.ones(4, 4, 3, 3, device=device, requires_grad=True)
            result = functional.conv2d(torch.ones(1, 4, 8, 8, device=device), weight)
        torch.autograd.grad(result.float().sum(), [weight])
        reason = None if result.dtype == HALF[precision] else f"it computes in {result.dtype}"
    except (RuntimeError, TypeError) as error:
        reason = str(error)
    if reason is not None:
        raise ConfigError(
            f"This worker's device, {device.type}, cannot train in {precision}: {reason}. Choose another precision, or "
            "open the lab on another device.",
            code="precision-unsupported",
            facts={"device": device.type, "precision": precision},
        )
