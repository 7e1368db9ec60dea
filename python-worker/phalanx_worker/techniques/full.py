"""Training of a base's own weights."""

from __future__ import annotations

from collections import defaultdict
from typing import final

from torch import nn

from phalanx_worker.model.base import Base, base_sha256, base_tensors
from phalanx_worker.model.layer_pattern import full_path
from phalanx_worker.model.load import load_base
from phalanx_worker.model.low_rank_difference import ChangedLayer, result_bytes
from phalanx_worker.model.module_names import Part, named_layers
from phalanx_worker.model.save import copy_tokenizer, folder_bytes, save_base, tensor_bytes
from phalanx_worker.model.single_file import load_single_file
from phalanx_worker.model.single_file_save import save_single_file
from phalanx_worker.protocol.messages import FullTechnique, LowRankSize, Objective
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.adapter_metadata import request_metadata
from phalanx_worker.techniques.denoising import DenoisingTechnique
from phalanx_worker.techniques.extracted_file import write_extracted
from phalanx_worker.techniques.full_weights import TrainedWeight, trained_weights
from phalanx_worker.techniques.kohya_metadata import base_metadata
from phalanx_worker.techniques.technique import ExportRequest, ParameterGroup, WrittenArtefact
from phalanx_worker.techniques.weights import BorrowedWeights, borrow


@final
class Full(DenoisingTechnique):
    """Its result is a whole base."""

    def __init__(self, settings: FullTechnique, objective: Objective) -> None:
        super().__init__(objective)
        self._settings = settings
        self._weights: list[TrainedWeight] = []
        self._borrowed: BorrowedWeights | None = None

    @property
    def trains_text_encoder(self) -> bool:
        return any(weight.part == "text-encoder" for weight in self._weights)

    def attach(self, base: Base, streams: Streams) -> None:
        """Raises what `trained_weights` raises."""
        del streams
        self._weights = trained_weights(self._settings, base)
        self._borrowed = borrow({weight.path: weight.parameter for weight in self._weights})
        self._base = base

    def parameter_groups(self) -> list[ParameterGroup]:
        """One group for each part and factor."""
        groups: dict[tuple[Part, float], dict[str, nn.Parameter]] = defaultdict(dict)
        for weight in self._weights:
            groups[weight.part, weight.rate_factor][weight.path] = weight.parameter
        rates = {
            "unet": self._settings.unet_learning_rate,
            "text-encoder": self._settings.text_encoder_learning_rate,
        }
        return [ParameterGroup(parameters, rates[part], factor) for (part, factor), parameters in groups.items()]

    def result_bytes(self) -> int:
        size, weights = self._settings.layout, self._settings.weights
        if not isinstance(size, LowRankSize):
            return tensor_bytes(base_tensors(self.base.parts), weights)
        return result_bytes(self._changed_layers(), size, weights)

    def export(self, request: ExportRequest) -> WrittenArtefact:
        """Raises what writing a base or `write_extracted` raises."""
        weights = self._settings.weights
        if isinstance(self._settings.layout, LowRankSize):
            return self._extracted(self._settings.layout, request)
        if self._settings.layout == "single-file":
            path = request.folder / f"{request.name}.safetensors"
            # Beside the file, so that it can be read from where it is.
            copy_tokenizer(self.base.tokenizer, request.folder / "tokenizer")
            save_single_file(self.base, path, weights)
            size = path.stat().st_size
        else:
            path = request.folder / request.name
            save_base(self.base, path, weights)
            size = folder_bytes(path)
        # Half precision rounds: the identity is that of what a reader gets.
        exact = weights == "float32"
        rounded = self.base if exact else load_single_file(path) if path.is_file() else load_base(path)
        return WrittenArtefact("base", path, base_sha256(rounded.parts), size)

    def _extracted(self, size: LowRankSize, request: ExportRequest) -> WrittenArtefact:
        settings = request.settings
        described = base_metadata(self.base, request.name, settings.width, settings.height)
        metadata = described | request_metadata(request)
        path = request.folder / f"{request.name}.safetensors"
        return write_extracted(path, self._changed_layers(), size, self._settings.weights, metadata, request.progress)

    def _changed_layers(self) -> list[ChangedLayer]:
        original = {} if self._borrowed is None else self._borrowed.original
        return [
            ChangedLayer(layer.name, original[path], layer.layer.weight)
            for part in self._settings.parts
            for layer in named_layers(self.base, part)
            if (path := f"{full_path(layer)}.weight") in original
        ]

    def detach(self) -> None:
        if self._borrowed is not None:
            self._borrowed.give_back()
        self._borrowed = None
        self._weights = []
        self._base = None
