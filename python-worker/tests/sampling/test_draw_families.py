"""Drawing with SD 2 and SDXL against diffusers' pipelines, from the same noise."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline

from phalanx_worker.model.load import load_base
from phalanx_worker.sampling.samplers import SamplerName
from tests.drawing import drawn, drawn_by_diffusers, largest_difference, request, sampling

REQUESTS = [
    request("a photo of a hand", 1, "a fist"),
    request("an open palm, don't!", 2, ""),
    request("a drawing of a fist", 3, "a photo of a hand"),
]
PIPELINES = {"sd-2": StableDiffusionPipeline, "sdxl": StableDiffusionXLPipeline}
# The two add the same float32 numbers in another order; a value near the middle of two levels may round either way.
ONE_LEVEL = 1


@pytest.mark.parametrize("family", ["sd-2", "sdxl"])
@pytest.mark.parametrize("sampler", ["ddim", "euler"])
@pytest.mark.parametrize("guidance", [7.5, 1.0])
def test_images_are_those_of_diffusers(
    family_folders: dict[str, Path], family: str, sampler: SamplerName, guidance: float
) -> None:
    settings = sampling(sampler, 6, guidance)
    base = load_base(family_folders[family])
    ours = drawn(base, REQUESTS, settings)
    made = PIPELINES[family].from_pretrained(family_folders[family], local_files_only=True)
    made.set_progress_bar_config(disable=True)
    assert made.scheduler.config.prediction_type == base.noise_schedule.prediction
    assert ours.std() > 10
    assert largest_difference(ours, drawn_by_diffusers(made, REQUESTS, settings)) <= ONE_LEVEL


def test_sdxl_is_told_the_size_it_draws_at(family_folders: dict[str, Path]) -> None:
    base = load_base(family_folders["sdxl"])
    wide = msgspec.structs.replace(sampling(steps=2), width=32, height=24)
    made = StableDiffusionXLPipeline.from_pretrained(family_folders["sdxl"], local_files_only=True)
    made.set_progress_bar_config(disable=True)
    ours = drawn(base, REQUESTS[:1], wide)
    theirs = drawn_by_diffusers(made, REQUESTS[:1], wide)
    assert ours.shape == (1, 24, 32, 3)
    assert largest_difference(ours, theirs) <= ONE_LEVEL


@pytest.mark.parametrize("family", ["sd-2", "sdxl"])
def test_a_batch_gives_the_same_images_as_one_at_a_time(family_folders: dict[str, Path], family: str) -> None:
    base = load_base(family_folders[family])
    together = drawn(base, REQUESTS, sampling(batch_size=3))
    alone = np.concatenate([drawn(base, [item], sampling(batch_size=1)) for item in REQUESTS])
    assert largest_difference(together, alone) <= ONE_LEVEL
