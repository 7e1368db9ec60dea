"""How networks compute while they are trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from phalanx_worker.model.attention import plain_attention
from phalanx_worker.model.gradient_checkpointing import gradient_checkpointing
from phalanx_worker.protocol.messages import TrainingSettings
from phalanx_worker.techniques.technique import Technique


@contextmanager
def training_passes(technique: Technique, settings: TrainingSettings) -> Iterator[None]:
    """Within the block, an attached technique's networks compute as the settings and the device want it."""
    base = technique.base
    with ExitStack() as stack:
        if settings.precision != "float32" and base.device.type == "cpu":
            stack.enter_context(plain_attention(base.unet))
        if settings.gradient_checkpointing:
            nets = [net.module for net in technique.control_nets()]
            stack.enter_context(gradient_checkpointing([*base.parts.values(), *nets]))
        yield
