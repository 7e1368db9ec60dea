"""Training of all weights of UNet and text encoder."""

from __future__ import annotations

from typing import final

from torch import nn

from phalanx_worker.model.base import Base, base_sha256, base_tensors
from phalanx_worker.model.load import load_base
from phalanx_worker.model.save import copy_tokenizer, folder_bytes, save_base, tensor_bytes
from phalanx_worker.model.single_file import load_single_file
from phalanx_worker.model.single_file_save import save_single_file
from phalanx_worker.protocol.messages import FullTechnique, Objective
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.denoising import DenoisingTechnique
from phalanx_worker.techniques.technique import ExportRequest, ParameterGroup, WrittenArtefact
from phalanx_worker.techniques.weights import BorrowedModule, borrow


@final
class Full(DenoisingTechnique):
    """Its result is a whole base."""

    def __init__(self, settings: FullTechnique, objective: Objective) -> None:
        super().__init__(objective)
        self._settings = settings
        self._borrowed: dict[str, BorrowedModule] = {}

    @property
    def trains_text_encoder(self) -> bool:
        return "text-encoder" in self._settings.parts

    def attach(self, base: Base, streams: Streams) -> None:
        del streams
        modules: dict[str, nn.Module] = {}
        if "text-encoder" in self._settings.parts:
            modules |= dict(zip(("text-encoder", "text-encoder-2"), base.text_encoders, strict=False))
        if "unet" in self._settings.parts:
            modules["unet"] = base.unet
        self._borrowed = {part: borrow(module) for part, module in modules.items()}
        self._base = base

    def parameter_groups(self) -> list[ParameterGroup]:
        named = {
            f"{part}.{name}": parameter
            for part, borrowed in self._borrowed.items()
            for name, parameter in borrowed.module.named_parameters()
        }
        return [ParameterGroup(named, None)]

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
        for borrowed in self._borrowed.values():
            borrowed.give_back()
        self._borrowed = {}
        self._base = None
