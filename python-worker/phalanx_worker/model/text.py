"""Text to what the UNet is conditioned on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from phalanx_worker.model.base import Base
from phalanx_worker.model.conditioning import Conditioning
from phalanx_worker.model.tokens import tokenize


def embed_texts(base: Base, texts: Sequence[str]) -> Conditioning:
    """What each family was trained with.

    SD 1 and SD 2: the text encoder's last hidden state after its final normalisation. The penultimate layer of SD 2's
    OpenCLIP is the last one here, since a base's config leaves the unused layer out. SDXL: the penultimate hidden
    states of both encoders, side by side, and the second one's projected state of the end token. An empty text is
    encoded like any other, as in sd-scripts and A1111; diffusers' pipeline does so for an empty negative prompt, and
    takes zeros only when none is given.
    """
    length = int(base.text_encoder.config.max_position_embeddings)
    ids = tokenize(base.tokenizer, texts, length).ids.to(base.device)
    if base.text_encoder_2 is None or base.tokenizer_2 is None:
        return Conditioning(base.text_encoder(ids).last_hidden_state, None)
    first: Tensor = base.text_encoder(ids, output_hidden_states=True).hidden_states[-2]
    second_ids = tokenize(base.tokenizer_2, texts, length).ids.to(base.device)
    second = base.text_encoder_2(second_ids, output_hidden_states=True)
    # The model's own search takes the highest id for the end, which an added token's would be.
    ends = (second_ids == base.tokenizer_2.eos_token_id).int().argmax(-1)
    pooled: Tensor = base.text_encoder_2.text_projection(second.last_hidden_state[torch.arange(len(texts)), ends])
    return Conditioning(torch.cat([first, second.hidden_states[-2]], dim=-1), pooled)
