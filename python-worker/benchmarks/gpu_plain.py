"""Steps as diffusers' example scripts take them in bfloat16: one plain loop over peft and diffusers for each technique.

What is frozen is cast to bfloat16 and what is trained stays float32, as there. Latents are given, which the scripts
compute anew in every step; texts are read in every step, as there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import torch
import torch.nn.functional as functional
from diffusers import ControlNetModel
from peft import LoraConfig
from torch import Tensor, nn

from benchmarks.gpu_base import Size
from benchmarks.gpu_ours import EIGHT_BIT, Inputs
from benchmarks.training import BETAS, DECAY, EPSILON, RATE, UNET_TARGETS, plain_update
from phalanx_worker.model.base import Base

CONVOLUTIONS = ["conv1", "conv2", "conv_shortcut", "downsamplers.0.conv", "upsamplers.0.conv", "time_emb_proj"]


@contextmanager
def plain_step(base: Base, technique: str, size: Size, inputs: Inputs) -> Iterator[Callable[[], object]]:
    """A step with its own optimizer; the base is used up."""
    kind = technique.removesuffix(EIGHT_BIT)
    control = ControlNetModel.from_unet(base.unet, conditioning_embedding_out_channels=size.control_channels)
    trained = _trained(base, kind, size, control.to(base.device) if kind == "controlnet" else None)
    optimizer = _optimizer(trained, technique.endswith(EIGHT_BIT))
    shares = base.noise_schedule.alphas_cumprod.to(base.device)

    def step() -> float:
        noise = torch.randn_like(inputs.latents)
        timesteps = torch.randint(0, len(shares), (size.batch,), device=base.device)
        share = shares[timesteps].view(-1, 1, 1, 1)
        noisy = share.sqrt() * inputs.latents + (1 - share).sqrt() * noise
        with torch.autocast(base.device.type, torch.bfloat16):
            with torch.set_grad_enabled(kind == "textual inversion"):
                texts, pooled = _read(base, inputs)
            added = None if pooled is None else {"text_embeds": pooled, "time_ids": inputs.time_ids}
            residuals: dict[str, Any] = {}
            if kind == "controlnet":
                down, middle = control(
                    noisy, timesteps, texts, inputs.pictures, added_cond_kwargs=added, return_dict=False
                )
                residuals = {"down_block_additional_residuals": down, "mid_block_additional_residual": middle}
            prediction = base.unet(
                noisy, timesteps, texts, added_cond_kwargs=added, return_dict=False, **residuals
            )[0]  # fmt: skip
        loss = functional.mse_loss(prediction.float(), noise)
        return plain_update(loss, trained, optimizer)

    yield step


def _trained(base: Base, kind: str, size: Size, control: nn.Module | None) -> list[nn.Parameter]:
    for module in base.parts.values():
        if kind != "full" or module is not base.unet:
            module.to(torch.bfloat16)
    if control is not None:
        return list(control.float().requires_grad_(True).train().parameters())
    if kind == "full":
        return list(base.unet.requires_grad_(True).train().parameters())
    if kind == "textual inversion":
        # The whole table gets gradients, and all rows but the new ones are put back: here nothing is new.
        tables = [encoder.float().get_input_embeddings() for encoder in base.text_encoders]
        return [parameter for table in tables for parameter in table.requires_grad_(True).parameters()]
    targets = UNET_TARGETS + (CONVOLUTIONS if kind == "locon" else [])
    base.unet.add_adapter(LoraConfig(r=size.rank, lora_alpha=1, target_modules=targets))
    parameters = [parameter for parameter in base.unet.parameters() if parameter.requires_grad]
    for parameter in parameters:
        parameter.data = parameter.data.float()
    return parameters


def _optimizer(parameters: list[nn.Parameter], eight_bit: bool) -> torch.optim.Optimizer:
    if not eight_bit:
        return torch.optim.AdamW(parameters, lr=RATE, betas=BETAS, eps=EPSILON, weight_decay=DECAY)
    # It is installed by hand, where there is CUDA.
    library = import_module("bitsandbytes.optim")
    made: torch.optim.Optimizer = library.AdamW8bit(parameters, lr=RATE, betas=BETAS, eps=EPSILON, weight_decay=DECAY)
    return made


def _read(base: Base, inputs: Inputs) -> tuple[Tensor, Tensor | None]:
    """Embeddings, and for SDXL the pooled one."""
    found = []
    tokenizers = (base.tokenizer, base.tokenizer_2)
    for encoder, tokenizer in zip(base.text_encoders, tokenizers, strict=False):
        assert tokenizer is not None
        ids = tokenizer(
            list(inputs.captions), padding="max_length", max_length=77, truncation=True, return_tensors="pt"
        ).input_ids.to(base.device)
        found.append(encoder(ids, output_hidden_states=base.family == "sdxl"))
    if base.family != "sdxl":
        return found[0][0], None
    return torch.cat([output.hidden_states[-2] for output in found], dim=-1), found[1][0]
