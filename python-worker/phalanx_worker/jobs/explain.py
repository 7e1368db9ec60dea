"""Says what a training would be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, assert_never

import msgspec

from phalanx_worker.jobs.context import JobContext
from phalanx_worker.jobs.trial import step_cost
from phalanx_worker.model.base import Base, base_tensors
from phalanx_worker.model.low_rank import full_rank
from phalanx_worker.model.module_names import Part, Target
from phalanx_worker.model.published import published_base, without_numbers
from phalanx_worker.model.text import read_as
from phalanx_worker.model.warm import warm_base
from phalanx_worker.protocol.messages import (
    AdaptedLayers,
    ExplainJob,
    ExplainResult,
    NegativeEmbeddingTechnique,
    PublishedBase,
    StoredBase,
    TextualInversionTechnique,
    TrainedGroup,
    TrainingSettings,
)
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.registry import create_technique
from phalanx_worker.techniques.technique import LowRankChange, Technique, named_parameters
from phalanx_worker.training.memory import training_memory
from phalanx_worker.training.optimizer_library import group_rates


def run(job: ExplainJob, context: JobContext) -> ExplainResult:
    """Attach the technique to a base of the same layers that holds no numbers, and look at it.

    Raises what loading the base, `read_as`, attaching the technique and `group_rates` raise.
    """
    context.phase("loading")
    if isinstance(job.base, PublishedBase):
        base = published_base(job.base.name, _initial_words(job.settings))
        return _explained(job.settings, read_as(base, job.settings.text))
    if isinstance(job.base, StoredBase):
        base = read_as(warm_base(context.warm, Path(job.base.path), context.device), job.settings.text)
        # First what costs nothing: a training that cannot be is refused before its steps.
        explained = _explained(job.settings, without_numbers(base))
        cost = step_cost(job.settings, job.measured, base, context) if job.measured else None
        return msgspec.structs.replace(explained, step_cost=cost)
    assert_never(job.base)


def _explained(settings: TrainingSettings, base: Base) -> ExplainResult:
    technique = create_technique(settings)
    try:
        technique.attach(base, Streams(settings.seed))
        return _looked_at(settings, base, technique)
    finally:
        technique.detach()


def _looked_at(settings: TrainingSettings, base: Base, technique: Technique) -> ExplainResult:
    groups = technique.parameter_groups()
    return ExplainResult(
        family=base.family,
        inpainting=base.inpainting,
        prediction=base.noise_schedule.prediction,
        width=settings.width or base.image_size,
        height=settings.height or base.image_size,
        layers=tuple(_by_kind(technique.low_rank_changes())),
        groups=tuple(
            TrainedGroup(
                learning_rate=rate,
                tensors=len(group.parameters),
                parameters=sum(item.numel() for item in group.parameters.values()),
            )
            for group, rate in zip(groups, group_rates(settings.optimizer, groups), strict=True)
        ),
        trained_parameters=sum(item.numel() for item in named_parameters(technique).values()),
        base_parameters=sum(item.numel() for item in base_tensors(base.parts).values()),
        result_bytes=technique.result_bytes(),
        memory=training_memory(settings, base, technique),
        step_cost=None,
    )


def _by_kind(changes: Sequence[LowRankChange]) -> list[AdaptedLayers]:
    kinds: dict[tuple[Part, Target | Literal["other"]], list[LowRankChange]] = defaultdict(list)
    for change in changes:
        kinds[change.layer.part, change.layer.target or "other"].append(change)
    return [
        AdaptedLayers(
            part=part,
            kind=kind,
            layers=len(found),
            parameters=sum(item.parameters for item in found),
            ranks=tuple(sorted({item.rank for item in found})),
            alphas=tuple(sorted({item.alpha for item in found})),
            wide_convolutions=sum(item.layer.is_wide_convolution for item in found),
            overfull=sum(item.rank > full_rank(item.layer.layer) for item in found),
        )
        for (part, kind), found in kinds.items()
    ]


def _initial_words(settings: TrainingSettings) -> list[str]:
    technique = settings.technique
    if isinstance(technique, TextualInversionTechnique):
        return [token.initial_word for token in technique.tokens if token.initial_word]
    if isinstance(technique, NegativeEmbeddingTechnique) and technique.initial_word:
        return [technique.initial_word]
    return []
