"""Which weights full training changes, and how fast."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from torch import Tensor, nn

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.base import Base
from phalanx_worker.model.layer_block import layer_block
from phalanx_worker.model.layer_pattern import matching
from phalanx_worker.model.module_names import Part, named_layers
from phalanx_worker.protocol.messages import FullTechnique, LowRankSize
from phalanx_worker.techniques.block_rates import BlockRateFactors


@dataclass(frozen=True, eq=False)
class TrainedWeight:
    """One weight of the base that is trained."""

    part: Part
    module: str
    """Key among `Base.parts`."""
    name: str
    """In its module."""
    parameter: nn.Parameter
    rate_factor: float
    """By which the part's learning rate is multiplied."""

    @property
    def path(self) -> str:
        """What patterns are matched with, unique in the base: `unet.mid_block.resnets.0.conv1.weight`."""
        return f"{self.module}.{self.name}"


def trained_weights(settings: FullTechnique, base: Base) -> list[TrainedWeight]:
    """The chosen weights of the parts, text encoders first, without those whose block has rate 0.

    For a low-rank result they are chosen among the weights of linear and convolutional layers.

    Raises ConfigError: `unmatched-pattern`, `broken-pattern`, `no-such-blocks`, `block-count`, `no-weights` when
    nothing is left, `untrained-part` when a part has a learning rate and nothing to train with it.
    """
    held = _weights_of_layers(settings, base) if isinstance(settings.layout, LowRankSize) else None
    factors = BlockRateFactors(settings.blocks.rates, base, settings.parts)
    weights = [
        TrainedWeight(part, module, name, parameter, factors.factor(layer_block(module, name, base)))
        for module, part in _modules(settings, base)
        for name, parameter in base.parts[module].named_parameters()
        if held is None or parameter in held
    ]
    chosen = [weight for weight in _by_pattern(settings.patterns, weights) if weight.rate_factor > 0]
    if not chosen:
        raise ConfigError(
            "The patterns choose weights of blocks whose rate is 0 alone. Choose other patterns or rates.",
            code="no-weights",
            facts={"patterns": ", ".join(settings.patterns)},
        )
    _refuse_idle_rates(settings, {weight.part for weight in chosen})
    return chosen


def _weights_of_layers(settings: FullTechnique, base: Base) -> set[Tensor]:
    return {layer.layer.weight for part in settings.parts for layer in named_layers(base, part)}


def _modules(settings: FullTechnique, base: Base) -> list[tuple[str, Part]]:
    modules: list[tuple[str, Part]] = []
    if "text-encoder" in settings.parts:
        modules += [(name, "text-encoder") for name in base.parts if name.startswith("text_encoder")]
    if "unet" in settings.parts:
        modules.append(("unet", "unet"))
    return modules


def _by_pattern(patterns: tuple[str, ...], weights: list[TrainedWeight]) -> list[TrainedWeight]:
    if not patterns:
        return weights
    by_path: dict[str, list[TrainedWeight]] = defaultdict(list)
    for weight in weights:
        by_path[weight.path].append(weight)
        by_path[weight.path.rpartition(".")[0]].append(weight)
    paths = list(by_path)
    found = {weight for pattern in patterns for path in matching(pattern, paths) for weight in by_path[path]}
    return [weight for weight in weights if weight in found]


def _refuse_idle_rates(settings: FullTechnique, trained: set[Part]) -> None:
    rates: dict[Part, tuple[str, float | None]] = {
        "unet": ("unetLearningRate", settings.unet_learning_rate),
        "text-encoder": ("textEncoderLearningRate", settings.text_encoder_learning_rate),
    }
    for part, (setting, rate) in rates.items():
        if rate is not None and part not in trained:
            raise ConfigError(
                f"{setting} is given, and no weight of the {part} is trained. Leave it null, or choose some.",
                code="untrained-part",
                facts={"setting": setting, "part": part},
            )
