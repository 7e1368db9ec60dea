"""A LoRA's settings as sd-scripts' `--network_args` words them."""

from __future__ import annotations

from collections.abc import Sequence

from phalanx_worker.model.base import Base
from phalanx_worker.model.layer_block import block_counts
from phalanx_worker.protocol.messages import (
    LoraBlockAlphas,
    LoraBlockRanks,
    LoraConvolutionAlphas,
    LoraConvolutionRanks,
    LoraTechnique,
    RateCurve,
)

BlockLists = LoraBlockRanks | LoraBlockAlphas | LoraConvolutionRanks | LoraConvolutionAlphas
RATE_NAMES = {"down": "down_lr_weight", "middle": "mid_lr_weight", "up": "up_lr_weight"}


def network_arguments(technique: LoraTechnique, base: Base) -> dict[str, str]:
    """What `--network_args` would have been, as far as it has words for it: it knows no blocks of text encoders."""
    arguments = _block_arguments(technique, base)
    if technique.rank_dropout > 0:
        arguments["rank_dropout"] = str(technique.rank_dropout)
    if technique.module_dropout > 0:
        arguments["module_dropout"] = str(technique.module_dropout)
    if technique.up_learning_rate_ratio != 1:
        arguments["loraplus_lr_ratio"] = str(technique.up_learning_rate_ratio)
    return arguments


def _block_arguments(technique: LoraTechnique, base: Base) -> dict[str, str]:
    blocks = technique.blocks
    arguments: dict[str, str] = {}
    for region, name in RATE_NAMES.items():
        given: RateCurve | tuple[float, ...] | None = getattr(blocks.rates, region)
        if given is not None:
            arguments[name] = _curve(given) if isinstance(given, RateCurve) else _joined(given)
    blockwise = any(
        _given(values) for values in (blocks.ranks, blocks.alphas, blocks.convolution_ranks, blocks.convolution_alphas)
    )
    if blockwise:
        arguments["block_dims"] = _all_blocks(base, technique.rank, blocks.ranks)
        arguments["block_alphas"] = _all_blocks(base, technique.alpha, blocks.alphas)
    if "convolution" not in technique.targets:
        return arguments
    rank, alpha = technique.convolution_rank or technique.rank, technique.convolution_alpha or technique.alpha
    arguments |= {"conv_dim": str(rank), "conv_alpha": str(alpha)}
    if blockwise:
        # Without a rank of their own, convolutions follow the other layers of their block.
        other_ranks = () if technique.convolution_rank else (blocks.ranks,)
        other_alphas = () if technique.convolution_alpha else (blocks.alphas,)
        arguments["conv_block_dims"] = _all_blocks(base, rank, blocks.convolution_ranks, *other_ranks)
        arguments["conv_block_alphas"] = _all_blocks(base, alpha, blocks.convolution_alphas, *other_alphas)
    return arguments


def _given(values: BlockLists) -> bool:
    return values.down is not None or values.middle is not None or values.up is not None


def _all_blocks(base: Base, otherwise: float, *preferred: BlockLists) -> str:
    numbers: list[float] = []
    for way, count in block_counts(base).items():
        if way in RATE_NAMES:
            lists = [getattr(values, way) for values in preferred]
            numbers += next((values for values in lists if values is not None), (otherwise,) * count)
    # There, SDXL has blocks for the embedding of time and for what comes behind the last one.
    return _joined([otherwise, *numbers, otherwise] if base.family == "sdxl" else numbers)


def _curve(curve: RateCurve) -> str:
    name = curve.curve.replace("-", "_")
    return f"{name}+{curve.base}" if curve.base > 0 else name


def _joined(numbers: Sequence[float]) -> str:
    return ",".join(str(number) for number in numbers)
