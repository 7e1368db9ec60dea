"""What the models of a base make of given inputs, to compare with other programs that hold the same weights."""

from __future__ import annotations

import torch
from torch import Tensor

from phalanx_worker.model.base import Base
from tests.interop.files import random_numbers


def inputs_for(base: Base) -> dict[str, Tensor]:
    """Token ids and what a UNet reads; for SDXL `vector` is its pooled text and sizes as other programs pass them."""
    size = base.image_size // base.reduction
    given = {
        "ids": torch.randint(0, 500, (2, 77), generator=torch.Generator().manual_seed(1)),
        "latents": random_numbers(2, 2, 4, size, size),
        "timesteps": torch.tensor([10, 700]),
        "texts": random_numbers(3, 2, 77, int(base.unet.config.cross_attention_dim)),
    }
    if base.text_encoder_2 is None:
        return given
    sizes = torch.tensor([[64.0, 64, 0, 0, 64, 64], [80.0, 64, 8, 0, 64, 64]])
    pooled = random_numbers(4, 2, int(base.text_encoder_2.config.projection_dim))
    vector = torch.cat([pooled, base.unet.add_time_proj(sizes.flatten()).reshape(2, -1)], 1)
    return {**given, "sizes": sizes, "pooled": pooled, "vector": vector}


@torch.no_grad()
def outputs(base: Base, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """The UNet's `noise` and the text encoders' `text.0` and `text.1`: the last layer, of SDXL's second the pooled."""
    noise = base.unet(given["latents"], given["timesteps"], given["texts"], added_cond_kwargs=added(given)).sample
    texts = {f"text.{place}": encoder(given["ids"])[0] for place, encoder in enumerate(base.text_encoders)}
    return {"noise": noise, **texts}


def added(given: dict[str, Tensor]) -> dict[str, Tensor] | None:
    """What SDXL's models read beside the text, as diffusers passes it."""
    return {"text_embeds": given["pooled"], "time_ids": given["sizes"]} if "sizes" in given else None
