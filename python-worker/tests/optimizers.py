"""Settings of every optimizer that runs without CUDA."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import msgspec

from phalanx_worker.protocol.messages import (
    AdafactorOptimizer,
    AdamwOptimizer,
    LionOptimizer,
    Optimizer,
    ProdigyOptimizer,
    ScheduleFreeOptimizer,
)

ADAMW = AdamwOptimizer(
    learning_rate=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.01, maximum_gradient_norm=1.0
)
ADAFACTOR = AdafactorOptimizer(
    learning_rate=1e-2,
    relative_warmup=False,
    smallest_scale=None,
    clipping_threshold=1.0,
    decay_exponent=0.8,
    beta1=0.8,
    epsilon=1e-30,
    weight_decay=0.02,
    maximum_gradient_norm=None,
)
RELATIVE_ADAFACTOR = msgspec.structs.replace(ADAFACTOR, learning_rate=None, smallest_scale=1e-3, beta1=None)
LION = LionOptimizer(learning_rate=1e-3, beta1=0.8, beta2=0.95, weight_decay=0.02, maximum_gradient_norm=1.0)
PRODIGY = ProdigyOptimizer(
    learning_rate=1.0,
    beta1=0.8,
    beta2=0.95,
    beta3=None,
    epsilon=1e-8,
    weight_decay=0.01,
    bias_correction=True,
    safeguard_warmup=False,
    d0=1e-4,
    d_coefficient=2.0,
    growth_rate=None,
    slice=2,
    maximum_gradient_norm=None,
)
SCHEDULE_FREE = ScheduleFreeOptimizer(
    learning_rate=1e-3,
    beta1=0.8,
    beta2=0.95,
    epsilon=1e-8,
    weight_decay=0.02,
    warmup_steps=3,
    average_power=1.0,
    rate_power=2.0,
    maximum_gradient_norm=1.0,
)
OPTIMIZERS: MappingProxyType[str, Optimizer] = MappingProxyType(
    {
        "adamw": ADAMW,
        "adafactor": ADAFACTOR,
        "relative-adafactor": RELATIVE_ADAFACTOR,
        "lion": LION,
        "prodigy": PRODIGY,
        "schedule-free": SCHEDULE_FREE,
    }
)
"""By a name for the test."""


def changed(settings: Optimizer, **changes: Any) -> Optimizer:
    """The settings with some fields changed."""
    return msgspec.structs.replace(settings, **changes)
