"""The libraries' optimizers: making one, and the rate it moves with."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO

import torch

from phalanx_worker.errors import ConfigError
from phalanx_worker.protocol.messages import (
    AdafactorOptimizer,
    AdamwEightBitOptimizer,
    AdamwOptimizer,
    Optimizer,
    ProdigyOptimizer,
    ScheduleFreeOptimizer,
)
from phalanx_worker.techniques.optimizer_class import optimizer_class
from phalanx_worker.techniques.technique import ParameterGroup

BITSANDBYTES = "bitsandbytes==0.50.2"
"""Not among the requirements: nothing else needs it, and it does nothing for 8 bits without CUDA."""


def group_rates(settings: Optimizer, groups: Sequence[ParameterGroup]) -> list[float | None]:
    """The learning rate of each group before the schedule; None where the optimizer makes its own.

    Raises ConfigError (`one-learning-rate`) when groups differ and the optimizer has one rate for all.
    """
    if settings.learning_rate is None:
        if any(group.learning_rate is not None or group.factor != 1 for group in groups):
            raise _one_rate("adafactor without a learning rate takes the same relative step everywhere")
        return [None for _ in groups]
    rates = [(group.learning_rate or settings.learning_rate) * group.factor for group in groups]
    if isinstance(settings, ProdigyOptimizer) and len(set(rates)) > 1:
        raise _one_rate("prodigy estimates one rate for all parameters")
    return [*rates]


def library_optimizer(
    settings: Optimizer, groups: Sequence[ParameterGroup], rates: Sequence[float | None]
) -> torch.optim.Optimizer:
    """The library's optimizer over the groups. Raises ConfigError: `optimizer-needs-cuda`, `package-missing`."""
    wanted = optimizer_class(settings)
    if isinstance(settings, AdamwEightBitOptimizer):
        _check_eight_bits(groups)
    create = getattr(import_module(wanted.module), wanted.name)
    # One kernel for all parameters.
    kernel = {"fused": True} if isinstance(settings, AdamwOptimizer) else {}
    # Prodigy prints a line that its users know already.
    with redirect_stdout(StringIO()):
        library = create(
            [
                {"params": list(group.parameters.values()), "lr": rate}
                for group, rate in zip(groups, rates, strict=True)
            ],
            **wanted.arguments,
            **kernel,
        )
    assert isinstance(library, torch.optim.Optimizer)
    return library


def acting_rate(settings: Optimizer, library: torch.optim.Optimizer) -> float:
    """The rate of the first group in the step that comes next, by the optimizer's own reckoning."""
    group = library.param_groups[0]
    if isinstance(settings, ProdigyOptimizer):
        return float(group["d"] * group["lr"])
    if isinstance(settings, ScheduleFreeOptimizer) and group["k"] < group["warmup_steps"]:
        return float(group["lr"] * (group["k"] + 1) / group["warmup_steps"])
    if isinstance(settings, AdafactorOptimizer) and settings.learning_rate is None:
        step = 1 + max((int(state["step"]) for state in library.state.values() if state), default=0)
        return float(min(1e-6 * step if settings.relative_warmup else 1e-2, step**-0.5))
    return float(group["lr"])


def _one_rate(why: str) -> ConfigError:
    return ConfigError(
        f"The technique has parts with learning rates of their own, but {why}. Take the rates of parts and blocks and "
        "upLearningRateRatio back to their defaults, or use another optimizer.",
        code="one-learning-rate",
    )


def _check_eight_bits(groups: Sequence[ParameterGroup]) -> None:
    device = next(parameter.device for group in groups for parameter in group.parameters.values())
    if device.type != "cuda":
        raise ConfigError(
            f"adamw-8bit keeps its moments in 8 bits by CUDA, and this worker computes on {device.type}. Open the lab "
            "with a CUDA device, or use adamw.",
            code="optimizer-needs-cuda",
            facts={"device": device.type},
        )
    try:
        import_module("bitsandbytes")
    except (ImportError, OSError, RuntimeError) as error:
        raise ConfigError(
            f"adamw-8bit needs the package bitsandbytes, which cannot be loaded ({error}). Install it with: "
            f"{sys.executable} -m pip install {BITSANDBYTES}",
            code="package-missing",
            facts={"package": "bitsandbytes"},
        ) from error
