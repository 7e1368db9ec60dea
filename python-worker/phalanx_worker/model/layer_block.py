"""Blocks of a base, by which adapters are graded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.base import Base
from phalanx_worker.model.ldm_names import ldm_unet_path
from phalanx_worker.model.placeholder import text_encoders

Region = Literal["down", "middle", "up", "text_encoder", "second_text_encoder"]
UNET_REGIONS: dict[str, Region] = {"input_blocks": "down", "middle_block": "middle", "output_blocks": "up"}
TEXT_REGIONS: dict[str, Region] = {"text_encoder": "text_encoder", "text_encoder_2": "second_text_encoder"}
TEXT_LAYER = re.compile(r"(?:.*\.)?encoder\.layers\.(\d+)\..*")


@dataclass(frozen=True)
class LayerBlock:
    """One of the blocks of a region, counted from 0."""

    region: Region
    index: int


def layer_block(module: str, path: str, base: Base) -> LayerBlock | None:
    """The block that a layer or weight of a module lies in, as sd-scripts counts them; None outside of all blocks.

    In the UNet these are the blocks of the original code (LDM). Its middle is one block in SD 1 and SD 2, and three in
    SDXL. In a text encoder each layer is a block.
    """
    if module in TEXT_REGIONS:
        found = TEXT_LAYER.fullmatch(path)
        return None if found is None else LayerBlock(TEXT_REGIONS[module], int(found[1]))
    start, index, *_ = (*ldm_unet_path(path, base.unet.config).split("."), "")
    region = UNET_REGIONS.get(start)
    if region is None:
        return None
    return LayerBlock(region, 0 if region == "middle" and base.family != "sdxl" else int(index))


def block_counts(base: Base) -> dict[Region, int]:
    """How many blocks each region has: 12, 1 and 12 in SD 1 and SD 2, 9, 3 and 9 in SDXL, when they are full-sized."""
    config = base.unet.config
    way = len(config["block_out_channels"]) * (int(config["layers_per_block"]) + 1)
    counts: dict[Region, int] = {"down": way, "middle": 3 if base.family == "sdxl" else 1, "up": way}
    for module, encoder in text_encoders(base).items():
        counts[TEXT_REGIONS[module]] = int(encoder.config.num_hidden_layers)
    return counts


def refuse_other_count(setting: str, found: int | None, expected: int | None) -> None:
    """Raises ConfigError: `no-such-blocks` when none are expected, `block-count` when `found` is another number."""
    if expected is None:
        raise ConfigError(
            f"{setting} is for blocks that are not adapted: the base has none such, or `parts` leaves them out. "
            "Leave it null.",
            code="no-such-blocks",
            facts={"setting": setting},
        )
    if found is not None and found != expected:
        raise ConfigError(
            f"{setting} has {found} numbers, and the base has {expected} blocks there. Give one number for each.",
            code="block-count",
            facts={"setting": setting, "expected": expected, "found": found},
        )


def camel(name: str) -> str:
    """A region or field as settings write it."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
