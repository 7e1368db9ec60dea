"""What is the same with and without the prompt, computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from phalanx_worker.model.forwards import replaced_forwards


class HalvedForward:
    """A forward pass of rows whose second half equals the first."""

    def __init__(self, module: nn.Module) -> None:
        self._forward: Callable[..., Tensor] = module.forward

    def __call__(self, rows: Tensor, *others: Tensor | None, **options: object) -> Tensor:
        """As the module, for [2n, ...]."""
        half = len(rows) // 2
        result = self._forward(rows[:half], *(None if other is None else other[:half] for other in others), **options)
        return torch.cat([result, result])


def halves_are_alike(unet: UNet2DConditionModel) -> bool:
    """Whether nothing but attention tells a UNet of this kind about the prompt; SDXL's timestep embedding does too."""
    return unet.config.addition_embed_type is None and unet.config.class_embed_type is None


@contextmanager
def shared_halves(unet: UNet2DConditionModel) -> Iterator[None]:
    """Compute what comes before the first attention to texts for one half of the rows, which the other half repeats."""
    modules: list[nn.Module] = [unet.conv_in]
    first = unet.down_blocks[0]
    if getattr(first, "has_cross_attention", False):
        modules.append(first.resnets[0])
        block = first.attentions[0].transformer_blocks[0]
        if not block.only_cross_attention:
            modules.append(block.attn1)
    with replaced_forwards({module: HalvedForward(module) for module in modules}):
        yield
