"""Low-rank adaptation of UNet and text encoder (Hu et al., 2021)."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from pathlib import Path
from typing import final

import msgspec
import safetensors.torch
import torch
from torch import Tensor, nn

from phalanx_worker.artefacts.tensors import file_sha256, read_tensors, tensors_sha256, write_tensors
from phalanx_worker.errors import ArtefactError
from phalanx_worker.model.adapter_family import architecture, base_version
from phalanx_worker.model.base import Base
from phalanx_worker.model.low_rank import detach
from phalanx_worker.model.low_rank_dropout import Dropout, DropoutRates, DropoutRows
from phalanx_worker.model.module_names import Part
from phalanx_worker.protocol.messages import LoraTechnique, Objective, TrainingSettings
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.adapted_layer import AdaptedLayer, adapt
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.denoising import DenoisingTechnique, unique_texts
from phalanx_worker.techniques.kohya_metadata import objective_metadata, schedule_metadata, text_metadata
from phalanx_worker.techniques.kohya_network import network_arguments
from phalanx_worker.techniques.lora_layers import layer_plans
from phalanx_worker.techniques.lora_start import start_from
from phalanx_worker.techniques.technique import ExportRequest, ParameterGroup, WrittenArtefact


@final
class Lora(DenoisingTechnique):
    """Its result is a file in kohya's layout: `<layer>.lora_down.weight`, `.lora_up.weight`, `.alpha`.

    With `decomposed` there is `<layer>.dora_scale` too.
    """

    def __init__(self, settings: LoraTechnique, objective: Objective) -> None:
        super().__init__(objective)
        self._settings = settings
        self._layers: list[AdaptedLayer] = []
        rates = DropoutRates(settings.network_dropout, settings.rank_dropout, settings.module_dropout)
        self._dropout = Dropout(rates)

    @property
    def trains_text_encoder(self) -> bool:
        return "text-encoder" in self._settings.parts

    def attach(self, base: Base, streams: Streams) -> None:
        """Raises what `layer_plans` and `start_from` raise."""
        self._base = base
        for plan in layer_plans(self._settings, base):
            self._layers.append(adapt(plan, self._settings.decomposed, self._dropout, streams))
        if self._settings.start is not None:
            start_from(Path(self._settings.start), base, self._layers)

    def parameter_groups(self) -> list[ParameterGroup]:
        """One group for each part and factor."""
        groups: dict[tuple[Part, float], dict[str, nn.Parameter]] = defaultdict(dict)
        for layer in self._layers:
            part, factor = layer.plan.layer.part, layer.plan.rate_factor
            for name, parameter in layer.parameters().items():
                ratio = self._settings.up_learning_rate_ratio if parameter is layer.up else 1.0
                groups[part, factor * ratio][name] = parameter
        rates = {
            "unet": self._settings.unet_learning_rate,
            "text-encoder": self._settings.text_encoder_learning_rate,
        }
        return [ParameterGroup(parameters, rates[part], factor) for (part, factor), parameters in groups.items()]

    def loss(self, batch: Batch) -> Tensor:
        """As of every denoising technique, with dropout where gradients are computed."""
        keys = {"unet": [str(sample) for sample in batch.samples], "text-encoder": unique_texts(batch.captions)}
        with self._dropout.drawing(DropoutRows(batch.streams, batch.step, keys)):
            loss = super().loss(batch)
        if torch.is_grad_enabled() and not loss.requires_grad:
            # Every layer has been dropped.
            return loss + 0 * self._layers[0].up.sum()
        return loss

    def after_step(self) -> None:
        if self._settings.maximum_norm is not None:
            for layer in self._layers:
                layer.limit_norm(self._settings.maximum_norm)

    def export(self, request: ExportRequest) -> WrittenArtefact:
        tensors = {name: tensor for layer in self._layers for name, tensor in layer.stored().items()}
        path = request.folder / f"{request.name}.safetensors"
        write_tensors(path, tensors, lora_metadata(self._settings, self.base, request, tensors))
        if tensors_sha256(read_tensors(path)) != tensors_sha256(tensors):
            raise ArtefactError(
                f"{path} does not hold what was written to it. Check the disk, and train again: the training goes on "
                "from its last checkpoint.",
                code="written-differently",
                facts={"path": str(path)},
            )
        return WrittenArtefact("lora", path, file_sha256(path), path.stat().st_size)

    def detach(self) -> None:
        for layer in self._layers:
            detach(layer.plan.layer.layer, layer.factors)
        self._layers = []
        self._base = None


def lora_metadata(
    technique: LoraTechnique, base: Base, request: ExportRequest, tensors: dict[str, Tensor]
) -> dict[str, str]:
    """What kohya's files say about themselves, as far as it is true here, with the identities of base and dataset.

    It holds no time of day, so that the same training gives the same file.
    """
    settings = request.settings
    optimizer = settings.optimizer
    model_hash = _content_sha256(tensors)
    own = {
        "ss_v2": str(base.family == "sd-2"),
        "ss_base_model_version": base_version(base),
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(technique.rank),
        "ss_network_alpha": str(technique.alpha),
        "ss_network_args": json.dumps(network_arguments(technique, base)),
        "ss_output_name": request.name,
        "ss_learning_rate": str(optimizer.learning_rate),
        "ss_unet_lr": _rate("unet", technique.unet_learning_rate, technique, settings),
        "ss_text_encoder_lr": _rate("text-encoder", technique.text_encoder_learning_rate, technique, settings),
        "ss_optimizer": f"torch.optim.adamw.AdamW(weight_decay={optimizer.weight_decay},"
        f"betas=({optimizer.beta1}, {optimizer.beta2}),eps={optimizer.epsilon})",
        "ss_network_dropout": str(technique.network_dropout or None),
        "ss_scale_weight_norms": str(technique.maximum_norm),
        "ss_max_grad_norm": str(optimizer.maximum_gradient_norm),
        "ss_max_train_steps": str(settings.steps),
        "ss_steps": str(request.steps),
        "ss_total_batch_size": str(settings.batch_size * settings.accumulation),
        "ss_gradient_accumulation_steps": str(settings.accumulation),
        "ss_mixed_precision": "bf16" if settings.precision == "bfloat16" else "no",
        "ss_seed": str(settings.seed),
        "ss_caption_dropout_rate": str(settings.caption_dropout),
        "sshs_model_hash": model_hash,
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": f"{architecture(base)}/lora",
        "modelspec.implementation": "diffusers",
        "modelspec.title": request.name,
        "modelspec.resolution": f"{settings.width or base.image_size}x{settings.height or base.image_size}",
        "modelspec.prediction_type": "v" if base.noise_schedule.prediction == "v_prediction" else "epsilon",
        "modelspec.hash_sha256": f"0x{model_hash}",
    }
    told = schedule_metadata(settings.schedule) | objective_metadata(settings.objective) | text_metadata(settings.text)
    return own | told | request_metadata(request)


def request_metadata(request: ExportRequest) -> dict[str, str]:
    """What this project adds to the metadata of its files."""
    return {
        "phalanx.base_sha256": request.base_sha256,
        "phalanx.dataset_sha256": request.dataset_sha256,
        "phalanx.steps": str(request.steps),
        "phalanx.settings": msgspec.json.encode(request.settings, order="sorted").decode(),
    }


def _rate(part: Part, own: float | None, technique: LoraTechnique, settings: TrainingSettings) -> str:
    return str(own or settings.optimizer.learning_rate) if part in technique.parts else "None"


def _content_sha256(tensors: dict[str, Tensor]) -> str:
    # As kohya and A1111's additional networks do: over everything behind the header.
    content = safetensors.torch.save({name: tensor.cpu().contiguous() for name, tensor in tensors.items()})
    return hashlib.sha256(content[8 + int.from_bytes(content[:8], "little") :]).hexdigest()
