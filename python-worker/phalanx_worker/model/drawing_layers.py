"""A base's layers in the form that draws fastest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from diffusers.models.activations import GEGLU
from diffusers.models.attention_processor import Attention
from diffusers.models.upsampling import Upsample2D
from torch import Tensor, nn

from phalanx_worker.model.attention import CachedAttention
from phalanx_worker.model.base import Base
from phalanx_worker.model.feed_forward import SplitGate
from phalanx_worker.model.forwards import replaced_forwards
from phalanx_worker.model.upsampling import subpixel_upsampling


@contextmanager
def drawing_layers(base: Base) -> Iterator[None]:
    """Forward passes without gradient that add the same numbers in another order; weights must not change within."""
    forwards: dict[nn.Module, Callable[..., Tensor]] = {}
    for module in base.unet.modules():
        if isinstance(module, GEGLU):
            forwards[module] = SplitGate(module)
        elif isinstance(module, Attention):
            forwards[module] = CachedAttention(module)
    # Fewer multiplications are fewer seconds on processors; on other devices that is not measured.
    if base.device.type == "cpu":
        for module in (*base.unet.modules(), *base.autoencoder.modules()):
            subpixel = subpixel_upsampling(module) if isinstance(module, Upsample2D) else None
            if subpixel is not None:
                forwards[module] = subpixel
    with replaced_forwards(forwards):
        yield
