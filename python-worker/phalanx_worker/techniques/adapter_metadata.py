"""What adapter files say about themselves."""

from __future__ import annotations

import msgspec

from phalanx_worker.model.base import Base
from phalanx_worker.model.module_names import Part
from phalanx_worker.protocol.messages import TrainingSettings
from phalanx_worker.techniques.kohya_metadata import (
    MIXED_PRECISION,
    base_metadata,
    objective_metadata,
    schedule_metadata,
    text_metadata,
)
from phalanx_worker.techniques.lora_layers import LayeredSettings
from phalanx_worker.techniques.optimizer_class import optimizer_class
from phalanx_worker.techniques.technique import ExportRequest, subset_facts


def adapter_metadata(technique: LayeredSettings, base: Base, request: ExportRequest) -> dict[str, str]:
    """What kohya's files say of their training, as far as it is true here, with the identities of base and dataset.

    It holds no time of day, so that the same training gives the same file.
    """
    settings = request.settings
    optimizer = settings.optimizer
    own = {
        "ss_output_name": request.name,
        "ss_learning_rate": str(optimizer.learning_rate),
        "ss_unet_lr": _rate("unet", technique.unet_learning_rate, technique, settings),
        "ss_text_encoder_lr": _rate("text-encoder", technique.text_encoder_learning_rate, technique, settings),
        "ss_optimizer": str(optimizer_class(optimizer)),
        "ss_max_grad_norm": str(optimizer.maximum_gradient_norm),
        "ss_max_train_steps": str(settings.steps),
        "ss_steps": str(request.steps),
        "ss_total_batch_size": str(settings.batch_size * settings.accumulation),
        "ss_gradient_accumulation_steps": str(settings.accumulation),
        "ss_gradient_checkpointing": str(settings.gradient_checkpointing),
        "ss_mixed_precision": MIXED_PRECISION[settings.precision],
        "ss_seed": str(settings.seed),
        "ss_caption_dropout_rate": _caption_dropout(request),
    }
    return (
        own
        | base_metadata(base, request.name, settings.width, settings.height)
        | schedule_metadata(settings.schedule)
        | objective_metadata(settings.objective)
        | text_metadata(settings.text)
        | request_metadata(request)
    )


def request_metadata(request: ExportRequest) -> dict[str, str]:
    """What this project adds to the metadata of its files."""
    return {
        "phalanx.base_sha256": request.base_sha256,
        "phalanx.subsets": msgspec.json.encode([subset_facts(item) for item in request.subsets]).decode(),
        "phalanx.steps": str(request.steps),
        "phalanx.settings": msgspec.json.encode(request.settings, order="sorted").decode(),
    }


def _rate(part: Part, own: float | None, technique: LayeredSettings, settings: TrainingSettings) -> str:
    return str(own or settings.optimizer.learning_rate) if part in technique.parts else "None"


def _caption_dropout(request: ExportRequest) -> str:
    """There, one rate for all subsets."""
    rates = {subset.caption_dropout for subset in request.subsets}
    return str(rates.pop()) if len(rates) == 1 else "None"
