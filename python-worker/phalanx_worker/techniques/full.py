"""Training of a base's own weights."""

from __future__ import annotations

from collections import defaultdict
from typing import final

from torch import nn

from phalanx_worker.model.base import Base, base_sha256, base_tensors
from phalanx_worker.model.load import load_base
from phalanx_worker.model.module_names import Part
from phalanx_worker.model.save import copy_tokenizer, folder_bytes, save_base, tensor_bytes
from phalanx_worker.model.single_file import load_single_file
from phalanx_worker.model.single_file_save import save_single_file
from phalanx_worker.protocol.messages import FullTechnique, Objective
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.denoising import DenoisingTechnique
from phalanx_worker.techniques.full_weights import TrainedWeight, trained_weights
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
        return tensor_bytes(base_tensors(self.base.parts), self._settings.weights)

    def export(self, request: ExportRequest) -> WrittenArtefact:
        weights = self._settings.weights
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

    def detach(self) -> None:
        if self._borrowed is not None:
            self._borrowed.give_back()
        self._borrowed = None
        self._weights = []
        self._base = None
