"""Textual inversion (Gal et al., 2022): one new token learns its embedding."""

from __future__ import annotations

from typing import final

from torch import nn

from phalanx_worker.artefacts.tensors import file_sha256, write_tensors
from phalanx_worker.model.adapter_family import architecture
from phalanx_worker.model.base import Base
from phalanx_worker.model.placeholder import check_placeholder, extend, restore, word_embedding
from phalanx_worker.protocol.messages import Objective, TextualInversionTechnique
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.denoising import DenoisingTechnique
from phalanx_worker.techniques.lora import request_metadata
from phalanx_worker.techniques.technique import ExportRequest, ParameterGroup, WrittenArtefact


@final
class TextualInversion(DenoisingTechnique):
    """Its result is a file in the layout of diffusers: the placeholder to [1, width].

    The vocabulary's embeddings have no gradient. While attached, `base` is a copy that shares all modules and whose
    tokenizer knows the placeholder.
    """

    def __init__(self, settings: TextualInversionTechnique, objective: Objective) -> None:
        super().__init__(objective)
        self._settings = settings
        self._embedding: nn.Parameter | None = None

    @property
    def trains_text_encoder(self) -> bool:
        return True

    def attach(self, base: Base, streams: Streams) -> None:
        """Raises ConfigError (`placeholder-in-vocabulary`, `invalid-placeholder`, `not-one-token`)."""
        del streams
        check_placeholder(base.tokenizer, self._settings.placeholder)
        self._embedding = nn.Parameter(word_embedding(base, self._settings.initial_word))
        self._base = extend(base, {self._settings.placeholder: self._embedding})

    def parameter_groups(self) -> list[ParameterGroup]:
        return [ParameterGroup({self._settings.placeholder: self._trained()}, None)]

    def caption(self, caption: str, streams: Streams, step: int, sample: int) -> str:
        """A template with the placeholder in place of `{}`; the dataset's caption has no effect."""
        del caption
        choice = streams.integer("template", len(self._settings.templates), step, sample)
        return self._settings.templates[choice].replace("{}", self._settings.placeholder)

    def export(self, request: ExportRequest) -> WrittenArtefact:
        path = request.folder / f"{request.name}.safetensors"
        tensors = {self._settings.placeholder: self._trained().detach().unsqueeze(0)}
        metadata = {
            "modelspec.sai_model_spec": "1.0.0",
            "modelspec.architecture": f"{architecture(self.base)}/textual-inversion",
            "modelspec.title": request.name,
            "phalanx.placeholder": self._settings.placeholder,
            "phalanx.initial_word": self._settings.initial_word,
        }
        write_tensors(path, tensors, metadata | request_metadata(request))
        return WrittenArtefact("embedding", path, file_sha256(path), path.stat().st_size)

    def detach(self) -> None:
        if self._base is not None:
            restore(self._base)
        self._embedding = None
        self._base = None

    def _trained(self) -> nn.Parameter:
        if self._embedding is None:
            raise ValueError("the technique is not attached to a base")
        return self._embedding
