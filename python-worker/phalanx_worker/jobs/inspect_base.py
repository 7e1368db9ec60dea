"""Reads a base and describes it."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from phalanx_worker.jobs.context import JobContext
from phalanx_worker.model.warm import warm_base
from phalanx_worker.protocol.messages import BaseDescription, InspectBaseJob


def run(job: InspectBaseJob, context: JobContext) -> BaseDescription:
    """Load it, through the warm cache, and count. Raises as `load_base`."""
    context.phase("loading")
    base = warm_base(context.warm, Path(job.base), context.device)
    return BaseDescription(
        family=base.family,
        inpainting=base.inpainting,
        prediction=base.noise_schedule.prediction,
        image_size=base.image_size,
        reduction=base.reduction,
        size_step=base.reduction * 2 ** (len(base.unet.config.block_out_channels) - 1),
        latent_channels=int(base.autoencoder.config.latent_channels),
        text_width=int(base.unet.config.cross_attention_dim),
        vocabulary_size=len(base.tokenizer),
        unet_parameters=_count(base.unet),
        text_encoder_parameters=sum(_count(encoder) for encoder in base.text_encoders),
        autoencoder_parameters=_count(base.autoencoder),
        sha256=base.sha256,
    )


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
