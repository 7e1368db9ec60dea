"""What techniques that adapt chosen layers have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from dataclasses import replace
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from phalanx_worker.artefacts.tensors import file_sha256, write_tensors
from phalanx_worker.model.low_rank import detach, full_rank
from phalanx_worker.model.low_rank_dropout import Dropout, DropoutRates, DropoutRows
from phalanx_worker.model.module_names import Part
from phalanx_worker.protocol.messages import Objective
from phalanx_worker.techniques.adapted_layer import TrainedLayer
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.denoising import DenoisingTechnique, unique_texts
from phalanx_worker.techniques.kohya_metadata import with_hashes
from phalanx_worker.techniques.lora_layers import LayeredSettings
from phalanx_worker.techniques.losses import Losses
from phalanx_worker.techniques.technique import ExportRequest, LowRankChange, ParameterGroup, WrittenArtefact

Layer = TypeVar("Layer", bound=TrainedLayer)


class LayeredTechnique(DenoisingTechnique, ABC, Generic[Layer]):
    """Puts trained factors on layers of a base, and writes them into one file."""

    def __init__(self, settings: LayeredSettings, objective: Objective, rates: DropoutRates) -> None:
        super().__init__(objective)
        self._chosen = settings
        self._layers: list[Layer] = []
        self._dropout = Dropout(rates)

    @property
    def trains_text_encoder(self) -> bool:
        return "text-encoder" in self._chosen.parts

    def parameter_groups(self) -> list[ParameterGroup]:
        """One group for each part and factor."""
        groups: dict[tuple[Part, float], dict[str, nn.Parameter]] = defaultdict(dict)
        for layer in self._layers:
            part, factor = layer.plan.layer.part, layer.plan.rate_factor
            for name, parameter in layer.parameters().items():
                groups[part, factor * self._ratio(layer, parameter)][name] = parameter
        rates = {
            "unet": self._chosen.unet_learning_rate,
            "text-encoder": self._chosen.text_encoder_learning_rate,
        }
        return [ParameterGroup(parameters, rates[part], factor) for (part, factor), parameters in groups.items()]

    def remarks(self) -> list[str]:
        """A rank beyond what a layer's weight can have is allowed, and costs numbers that change nothing more."""
        changes = self.low_rank_changes()
        wide = [change for change in changes if change.rank > full_rank(change.layer.layer)]
        if not wide:
            return []
        first = min(wide, key=lambda change: full_rank(change.layer.layer))
        return [
            f"The rank exceeds the full rank of {len(wide)} of {len(changes)} layers, such as {first.layer.name} "
            f"with rank {first.rank} of {full_rank(first.layer.layer)}. This is allowed; a lower one says as much."
        ]

    def low_rank_changes(self) -> list[LowRankChange]:
        return [
            LowRankChange(
                layer.plan.layer,
                layer.plan.reached_rank,
                layer.plan.alpha,
                sum(item.numel() for item in layer.parameters().values()),
            )
            for layer in self._layers
        ]

    def result_bytes(self) -> int:
        return sum(tensor.nbytes for layer in self._layers for tensor in layer.stored().values())

    def losses(self, batch: Batch) -> Losses:
        """As of every denoising technique, with dropout where gradients are computed."""
        keys = {"unet": [str(sample) for sample in batch.samples], "text-encoder": unique_texts(batch.captions)}
        with self._dropout.drawing(DropoutRows(batch.streams, batch.step, keys)):
            losses = super().losses(batch)
        if torch.is_grad_enabled() and not losses.total.requires_grad:
            # Every layer has been dropped.
            nothing = 0 * next(iter(self._layers[0].parameters().values())).sum()
            return replace(losses, total=losses.total + nothing)
        return losses

    def export(self, request: ExportRequest) -> WrittenArtefact:
        """Raises ArtefactError (`written-differently`) when the file does not hold what was written."""
        tensors = {name: tensor for layer in self._layers for name, tensor in layer.stored().items()}
        path = request.folder / f"{request.name}.safetensors"
        write_tensors(path, tensors, with_hashes(self._metadata(request), tensors))
        return WrittenArtefact("lora", path, file_sha256(path), path.stat().st_size)

    def detach(self) -> None:
        for layer in self._layers:
            detach(layer.plan.layer.layer, layer.change)
        self._layers = []
        self._base = None

    def _base_prediction(self, batch: Batch, noisy: Tensor, timesteps: Tensor) -> Tensor:
        with torch.no_grad(), self._dropout.of_all_layers():
            return self._prediction(batch, noisy, timesteps)

    def _ratio(self, layer: Layer, parameter: nn.Parameter) -> float:
        """By which a parameter learns faster than its layer."""
        del layer, parameter
        return 1.0

    @abstractmethod
    def _metadata(self, request: ExportRequest) -> dict[str, str]:
        """Of the file, without its hashes."""
