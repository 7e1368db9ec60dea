"""Which library's class an optimizer is, and what it is constructed with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from phalanx_worker.protocol.messages import (
    AdafactorOptimizer,
    AdamwEightBitOptimizer,
    AdamwOptimizer,
    LionOptimizer,
    Optimizer,
    ProdigyOptimizer,
    ScheduleFreeOptimizer,
)

Argument = int | float | bool | tuple[float, float] | None


@dataclass(frozen=True)
class OptimizerClass:
    """A class of an installed package, as sd-scripts names it too."""

    module: str
    name: str
    arguments: Mapping[str, Argument]
    """Keyword arguments beside parameters and learning rate."""

    def __str__(self) -> str:
        """As the metadata of sd-scripts' files has it."""
        return f"{self.module}.{self.name}({','.join(f'{name}={value}' for name, value in self.arguments.items())})"


def optimizer_class(settings: Optimizer) -> OptimizerClass:
    """The class with its arguments in the library's own words."""
    if isinstance(settings, AdafactorOptimizer):
        return OptimizerClass("transformers.optimization", "Adafactor", _adafactor(settings))
    betas = (settings.beta1, settings.beta2)
    common: dict[str, Argument] = {"weight_decay": settings.weight_decay, "betas": betas}
    if isinstance(settings, LionOptimizer):
        return OptimizerClass("lion_pytorch.lion_pytorch", "Lion", common)
    common["eps"] = settings.epsilon
    if isinstance(settings, AdamwOptimizer):
        return OptimizerClass("torch.optim.adamw", "AdamW", common)
    if isinstance(settings, AdamwEightBitOptimizer):
        return OptimizerClass("bitsandbytes.optim.adamw", "AdamW8bit", common)
    if isinstance(settings, ProdigyOptimizer):
        return OptimizerClass("prodigyopt.prodigy", "Prodigy", common | _prodigy(settings))
    if isinstance(settings, ScheduleFreeOptimizer):
        powers = {"r": settings.average_power, "weight_lr_power": settings.rate_power}
        arguments = common | {"warmup_steps": settings.warmup_steps} | powers
        return OptimizerClass("schedulefree.adamw_schedulefree", "AdamWScheduleFree", arguments)
    assert_never(settings)


def _adafactor(settings: AdafactorOptimizer) -> dict[str, Argument]:
    scale = settings.smallest_scale
    return {
        "relative_step": settings.learning_rate is None,
        "warmup_init": settings.relative_warmup,
        "scale_parameter": scale is not None,
        # Without scaling the second one is unread.
        "eps": (settings.epsilon, settings.epsilon if scale is None else scale),
        "clip_threshold": settings.clipping_threshold,
        "decay_rate": -settings.decay_exponent,
        "beta1": settings.beta1,
        "weight_decay": settings.weight_decay,
    }


def _prodigy(settings: ProdigyOptimizer) -> dict[str, Argument]:
    return {
        "beta3": settings.beta3,
        "use_bias_correction": settings.bias_correction,
        "safeguard_warmup": settings.safeguard_warmup,
        "d0": settings.d0,
        "d_coef": settings.d_coefficient,
        "growth_rate": math.inf if settings.growth_rate is None else settings.growth_rate,
        "slice_p": settings.slice,
    }
