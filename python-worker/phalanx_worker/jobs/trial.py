"""A few steps of a training, to see what they cost."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from phalanx_worker.jobs.context import JobContext
from phalanx_worker.jobs.forward_passes import training_passes
from phalanx_worker.jobs.training_feed import FeedMaker, SubsetItems, read_subsets
from phalanx_worker.jobs.training_run import peak_memory
from phalanx_worker.lanes import Lanes
from phalanx_worker.model.base import Base
from phalanx_worker.protocol.messages import StepCost, TrainingSettings, TrainingSubset
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.registry import create_technique
from phalanx_worker.training.data import PixelStore
from phalanx_worker.training.latents import LatentCache, LatentKey, Posterior
from phalanx_worker.training.loop import new_state, train

STEPS = 3
"""The first one, which warms up, is not counted."""


def step_cost(
    settings: TrainingSettings, subsets: Sequence[TrainingSubset], base: Base, context: JobContext
) -> StepCost:
    """Take some steps on the first images, and forget what they learned; the base is as it was afterwards.

    Raises what a training raises, and JobCancelled between its steps.
    """
    settings = msgspec.structs.replace(settings, steps=max(settings.steps, STEPS))
    streams = Streams(settings.seed)
    technique = create_technique(settings)
    with TemporaryDirectory() as folder:

        def latents(store: PixelStore, keys: Sequence[LatentKey]) -> dict[str, Posterior]:
            cache = LatentCache(Path(folder), {})
            return cache.fill(base, store, keys, lambda _done, _total: context.check_cancelled(), lambda _text: None)

        try:
            technique.attach(base, streams)
            feeds = FeedMaker(base, technique, settings, streams, latents)
            feed = feeds.make(_first_images(read_subsets(subsets), settings.batch_size * settings.accumulation * STEPS))
            context.phase("stepping", STEPS)
            seconds = []
            with training_passes(technique, settings), Lanes(base.device, settings.batch_size) as lanes:
                for step in islice(train(technique, feed, settings, new_state(technique, settings), lanes), STEPS):
                    context.check_cancelled()
                    seconds.append(step.seconds)
        finally:
            technique.detach()
    return StepCost(seconds=statistics.mean(seconds[1:]), peak_memory=peak_memory(base.device))


def _first_images(subsets: Sequence[SubsetItems], count: int) -> list[SubsetItems]:
    return [replace(source, items=source.items[:count]) for source in subsets]
