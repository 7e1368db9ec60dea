"""Textual inversion (Gal et al., 2022): new tokens learn their embeddings."""

from __future__ import annotations

from typing import final

from phalanx_worker.model.base import Base
from phalanx_worker.model.placeholder import restore
from phalanx_worker.protocol.messages import Objective, TextualInversionTechnique
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.denoising import DenoisingTechnique
from phalanx_worker.techniques.learned_tokens import LearnedTokens
from phalanx_worker.techniques.technique import ExportRequest, ParameterGroup, WrittenArtefact


@final
class TextualInversion(DenoisingTechnique):
    """Its result is a file in the layout of diffusers: each placeholder to [vectors, width].

    The vocabulary's embeddings have no gradient. While attached, `base` is a copy that shares all modules and whose
    tokenizer knows the placeholders.
    """

    def __init__(self, settings: TextualInversionTechnique, objective: Objective) -> None:
        super().__init__(objective)
        self._settings = settings
        self._placeholders = ", ".join(token.placeholder for token in settings.tokens)
        self._tokens: LearnedTokens | None = None

    @property
    def trains_text_encoder(self) -> bool:
        return True

    def attach(self, base: Base, streams: Streams) -> None:
        """Raises ConfigError: `placeholder-in-vocabulary`, `invalid-placeholder`, `duplicate-placeholder`,
        `initial-word-too-long`, `empty-initial-word`.
        """
        self._tokens = LearnedTokens(base, self._settings.tokens, self._settings.norm, streams)
        self._base = self._tokens.base

    def parameter_groups(self) -> list[ParameterGroup]:
        return [ParameterGroup(self._learned().parameters, None)]

    def caption(self, caption: str, streams: Streams, step: int, sample: int) -> str:
        """A template with the placeholders in place of `{}`; the dataset's caption has no effect."""
        del caption
        choice = streams.integer("template", len(self._settings.templates), step, sample)
        return self._settings.templates[choice].replace("{}", self._placeholders)

    def result_bytes(self) -> int:
        return sum(vectors.nbytes for vectors in self._learned().parameters.values())

    def after_step(self) -> None:
        self._learned().constrain()

    def export(self, request: ExportRequest) -> WrittenArtefact:
        return self._learned().write(request, "textual-inversion")

    def detach(self) -> None:
        if self._base is not None:
            restore(self._base)
        self._tokens = None
        self._base = None

    def _learned(self) -> LearnedTokens:
        if self._tokens is None:
            raise ValueError("the technique is not attached to a base")
        return self._tokens
