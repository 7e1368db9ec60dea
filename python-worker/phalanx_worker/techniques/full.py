"""Training of all weights of UNet and text encoder."""

from __future__ import annotations

from typing import final

from torch import nn

from phalanx_worker.model.base import Base, base_sha256
from phalanx_worker.model.load import load_base
from phalanx_worker.model.save import folder_bytes, save_base
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

    def export(self, request: ExportRequest) -> WrittenArtefact:
        path = request.folder / request.name
        save_base(self.base, path, self._settings.weights)
        # Half precision rounds: the identity is that of what a reader gets.
        rounded = self.base if self._settings.weights == "float32" else load_base(path)
        return WrittenArtefact("base", path, base_sha256(rounded.parts), folder_bytes(path))

    def detach(self) -> None:
        for borrowed in self._borrowed.values():
            borrowed.give_back()
        self._borrowed = {}
        self._base = None
