"""A negative embedding, learned in the unconditional branch of guidance."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from phalanx_worker.model.base import Base
from phalanx_worker.model.conditioning import predict
from phalanx_worker.model.placeholder import restore
from phalanx_worker.model.text import embed_texts
from phalanx_worker.protocol.messages import LearnedToken, NegativeEmbeddingTechnique, Objective
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.denoising import DenoisingTechnique
from phalanx_worker.techniques.learned_tokens import LearnedTokens
from phalanx_worker.techniques.technique import ExportRequest, ParameterGroup, WrittenArtefact


@final
class NegativeEmbedding(DenoisingTechnique):
    """Its result is a file in the layout of diffusers, for use in negative prompts.

    Minimises the distance between the target and the guided prediction (Ho and Salimans, 2022), whose unconditional
    branch reads the new token alone and whose conditional branch reads the caption. Both branches are those of
    `draw` with this negative prompt; nothing but the token's vectors has a gradient.
    """

    def __init__(self, settings: NegativeEmbeddingTechnique, objective: Objective) -> None:
        super().__init__(objective)
        self._settings = settings
        self._tokens: LearnedTokens | None = None

    @property
    def trains_text_encoder(self) -> bool:
        """No: the captions' embeddings stay what they are."""
        return False

    def attach(self, base: Base, streams: Streams) -> None:
        """Raises ConfigError: `placeholder-in-vocabulary`, `invalid-placeholder`, `initial-word-too-long`,
        `empty-initial-word`.
        """
        settings = self._settings
        token = LearnedToken(
            placeholder=settings.placeholder, initial_word=settings.initial_word, vectors=settings.vectors
        )
        self._tokens = LearnedTokens(base, [token], settings.norm, streams)
        self._base = self._tokens.base

    def parameter_groups(self) -> list[ParameterGroup]:
        return [ParameterGroup(self._learned().parameters, None)]

    def result_bytes(self) -> int:
        return sum(vectors.nbytes for vectors in self._learned().parameters.values())

    def after_step(self) -> None:
        self._learned().constrain()

    def export(self, request: ExportRequest) -> WrittenArtefact:
        return self._learned().write(request, "negative-embedding")

    def detach(self) -> None:
        if self._base is not None:
            restore(self._base)
        self._tokens = None
        self._base = None

    def _prediction(self, batch: Batch, noisy: Tensor, timesteps: Tensor) -> Tensor:
        with torch.no_grad():
            conditional = super()._prediction(batch, noisy, timesteps)
        text = embed_texts(self.base, [self._settings.placeholder]).rows([0] * len(batch))
        unconditional = predict(self.base, batch.beside(noisy), timesteps, text, batch.time_ids)
        return unconditional + self._settings.guidance * (conditional - unconditional)

    def _learned(self) -> LearnedTokens:
        if self._tokens is None:
            raise ValueError("the technique is not attached to a base")
        return self._tokens
