"""Text to what the UNet is conditioned on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer
from transformers.modeling_outputs import BaseModelOutput

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.base import Base
from phalanx_worker.model.conditioning import Conditioning
from phalanx_worker.model.tokens import Tokens, tokenize
from phalanx_worker.protocol.messages import TextSettings

SDXL_CLIP_SKIP = 2
"""The layer that SDXL was trained with, counted from the end."""
ROUNDING = 1e-6
"""Of numbers that cancel, as a share of their size in float32."""


def read_as(base: Base, settings: TextSettings) -> Base:
    """The same base, which reads texts as `settings` say; modules are shared.

    Raises ConfigError (`clip-skip-too-large`) when a text encoder has fewer layers.
    """
    layers = min(int(encoder.config.num_hidden_layers) for encoder in base.text_encoders)
    if settings.clip_skip is not None and settings.clip_skip > layers:
        raise ConfigError(
            f"clipSkip {settings.clip_skip} goes beyond the {layers} layers of the text encoder of {base.folder}. "
            f"Take at most {layers}.",
            code="clip-skip-too-large",
            facts={"clipSkip": settings.clip_skip, "layers": layers, "base": str(base.folder)},
        )
    return dataclasses.replace(base, text=settings)


def embed_texts(base: Base, texts: Sequence[str], windows: int | None = None) -> Conditioning:
    """What each family was trained with, or the layer that `base.text` asks for; [n, windows * length, width].

    SD 1 and SD 2: the text encoder's last hidden state after its final normalisation. The penultimate layer of SD 2's
    OpenCLIP is the last one here, since a base's config leaves the unused layer out. SDXL: the penultimate hidden
    states of both encoders, side by side, and the second one's projected state of the first window's end token. An
    empty text is encoded like any other, as in sd-scripts and A1111; diffusers' pipeline does so for an empty negative
    prompt, and takes zeros only when none is given. Texts are filled up to `windows`, by default to all that are read.
    Raises as `read_texts`, and ConfigError (`weights-cancel`).
    """
    skip = base.text.clip_skip
    first_tokens = read_texts(base, base.tokenizer, texts, windows)
    if base.text_encoder_2 is None or base.tokenizer_2 is None:
        return Conditioning(_encode(base.text_encoder, first_tokens, skip or 1, normalised=True).states, None)
    first = _encode(base.text_encoder, first_tokens, skip or SDXL_CLIP_SKIP, normalised=False)
    second_tokens = read_texts(base, base.tokenizer_2, texts, windows)
    second = _encode(base.text_encoder_2, second_tokens, skip or SDXL_CLIP_SKIP, normalised=False)
    # The model's own search takes the highest id for the end, which an added token's would be.
    ends = (second_tokens.ids[:, 0] == base.tokenizer_2.eos_token_id).int().argmax(-1)
    pooled: Tensor = base.text_encoder_2.text_projection(second.beginning[torch.arange(len(texts)), ends])
    return Conditioning(torch.cat([first.states, second.states], dim=-1), pooled)


def read_texts(base: Base, tokenizer: CLIPTokenizer, texts: Sequence[str], windows: int | None = None) -> Tokens:
    """Tokens of texts as the base reads them; raises as `tokenize`."""
    return tokenize(tokenizer, texts, base.text, int(base.text_encoder.config.max_position_embeddings), windows)


@dataclass(frozen=True, eq=False)
class _Encoded:
    states: Tensor
    """[n, windows * length, width], weighed."""
    beginning: Tensor
    """[n, length, width]: of the first window, from the last layer, normalised and not weighed."""


def _encode(
    encoder: CLIPTextModel | CLIPTextModelWithProjection, tokens: Tokens, skip: int, normalised: bool
) -> _Encoded:
    states, last = [], []
    # One window of all texts after the other, so that dropout finds one row for each text.
    for ids, weights in zip(tokens.ids.unbind(1), tokens.weights.unbind(1), strict=True):
        output = encoder(ids.to(encoder.device), output_hidden_states=skip > 1 or not normalised)
        last.append(output.last_hidden_state)
        states.append(_emphasised(_layer(encoder, output, skip, normalised), weights.to(encoder.device)))
    return _Encoded(torch.cat(states, dim=1), last[0])


def _layer(
    encoder: CLIPTextModel | CLIPTextModelWithProjection, output: BaseModelOutput, skip: int, normalised: bool
) -> Tensor:
    last = normalised and skip == 1
    states: Tensor = output.last_hidden_state if last else output.hidden_states[-skip]
    if normalised and not last:
        states = encoder.final_layer_norm(states)
    return states


def _emphasised(states: Tensor, weights: Tensor) -> Tensor:
    """`states` [n, length, width] times `weights` [n, length], brought back to the mean they had, text by text."""
    if bool((weights == 1).all()):
        return states
    weighed = states * weights.unsqueeze(-1)
    before, after = states.mean((1, 2), keepdim=True), weighed.mean((1, 2), keepdim=True)
    # A normalisation as it is made, before it is trained, leaves no mean to restore.
    none_before = before.abs() <= ROUNDING * states.abs().mean((1, 2), keepdim=True)
    none_after = after.abs() <= ROUNDING * weighed.abs().mean((1, 2), keepdim=True)
    if bool((none_before != none_after).any()):
        raise ConfigError(
            "The weights of a text cancel out, so that the mean of its encoded states cannot be restored. Bring them "
            "nearer to 1.",
            code="weights-cancel",
            facts={"smallest": float(weights.min()), "largest": float(weights.max())},
        )
    # Divided only where there is something, because the gradient of 0 / 0 is no number.
    return weighed * (before.masked_fill(none_before, 1) / after.masked_fill(none_after, 1))
