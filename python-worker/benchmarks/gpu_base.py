"""Bases with random weights: in the sizes of the published ones, made on the device, or as small as can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from benchmarks.bench_base import CAPTIONS
from phalanx_worker.model.base import Base
from phalanx_worker.model.load import empty_parts, load_base
from phalanx_worker.model.published import PUBLISHED, published_base, with_parts
from phalanx_worker.model.save import model_index, save_base, write_json, write_parts
from phalanx_worker.model.vocabulary import END, ZERO, learn_vocabulary, write_tokenizer
from tests.interop.published_layout import published_layout
from tests.small import ARCHITECTURES, make_base

Family = Literal["sd-1", "sdxl"]
NAMES: Mapping[Family, str] = {"sd-1": "sd-1.5", "sdxl": "sdxl-1.0"}


@dataclass(frozen=True)
class Size:
    """How much is computed."""

    layers: Literal["published", "small", "toy"]
    """Those of the published bases, small ones in their layout, or as few and small as can be."""
    batch: int
    rank: int
    warm_up: int
    """Steps that are not counted, at least 1."""
    steps: int
    control_channels: tuple[int, ...]


SIZES = {
    "published": Size("published", batch=4, rank=32, warm_up=3, steps=20, control_channels=(16, 32, 96, 256)),
    "small": Size("small", batch=1, rank=2, warm_up=1, steps=1, control_channels=(16, 32, 96, 256)),
    "toy": Size("toy", batch=1, rank=2, warm_up=1, steps=1, control_channels=(16, 32)),
}
"""The first is what is measured; the others show that everything runs, with sd-scripts and without."""


def random_base(family: Family, size: Size, folder: Path, device: torch.device) -> Base:
    """A base in evaluation mode. `folder` is for the files of a small one, and made once."""
    if size.layers != "published":
        if not folder.exists():
            published_layout(folder, family) if size.layers == "small" else make_base(folder, 1, ARCHITECTURES[family])
        made = load_base(folder)
        for module in made.parts.values():
            module.to(device)
        return made
    base = published_base(NAMES[family], CAPTIONS)
    # Straight into the device's memory, with the numbers that layers begin with.
    with device:
        parts = empty_parts(PUBLISHED[NAMES[family]])
    return with_parts(base, parts)


def write_base(base: Base, size: Size, folder: Path) -> None:
    """As a folder that other programs read."""
    if size.layers != "published":
        save_base(base, folder, "float32")
        return
    write_parts(folder, base.parts, "float16")
    # The vocabulary of a published layout has no files to copy; its words are those that are looked up.
    vocabulary = dict(base.tokenizer.get_vocab())
    _, merges = learn_vocabulary(CAPTIONS, len(vocabulary))
    write_tokenizer(folder / "tokenizer", vocabulary, merges, END)
    if base.tokenizer_2 is not None:
        write_tokenizer(folder / "tokenizer_2", vocabulary, merges, ZERO)
    write_json(folder / "scheduler" / "scheduler_config.json", base.scheduler_config)
    write_json(folder / "model_index.json", model_index(base.family, base.inpainting, base.scheduler_config))
