"""Gradient checkpointing (Chen et al., 2016): activations are computed again for the gradients, not kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer


@contextmanager
def gradient_checkpointing(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Within the block, the blocks of networks of diffusers and transformers keep their inputs alone.

    Losses and gradients stay the same, bit by bit on processors; a step computes each forward pass twice.
    """
    layers: list[Any] = [
        layer for module in modules for layer in module.modules() if hasattr(layer, "gradient_checkpointing")
    ]
    before = [layer.training for layer in layers]
    for layer in layers:
        layer.gradient_checkpointing = True
        layer._gradient_checkpointing_func = computed_again
        if isinstance(layer, GradientCheckpointingLayer):
            # Transformers looks at this flag, too. It is the layer's own; what is in it drops nothing out.
            layer.training = True
    try:
        yield
    finally:
        for layer, training in zip(layers, before, strict=True):
            layer.gradient_checkpointing = False
            layer.training = training
            del layer._gradient_checkpointing_func


def computed_again(function: Callable[..., Any], *inputs: Any) -> Any:
    """`function(*inputs)`, computed a second time when its gradients are asked for.

    The second time may be on another thread and at another place: context variables are those of the first time. Torch
    draws no random numbers here, so its generators need not be kept.
    """
    return checkpoint(partial(copy_context().run, function), *inputs, use_reentrant=False, preserve_rng_state=False)
