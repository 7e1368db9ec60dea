"""LoHa and LoKr (Yeh et al., 2024), with the mathematics and the files of LyCORIS."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor, nn

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.adapter_file import ALPHA
from phalanx_worker.model.base import Base
from phalanx_worker.model.low_rank import attach
from phalanx_worker.model.low_rank_dropout import DropoutRates, LayerDropout
from phalanx_worker.model.product_module import ProductModule
from phalanx_worker.model.trained_product import TrainedProduct, loha_factors, lokr_factors
from phalanx_worker.protocol.messages import LohaTechnique, LokrTechnique, Objective
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.adapter_metadata import adapter_metadata
from phalanx_worker.techniques.layered import LayeredTechnique
from phalanx_worker.techniques.lora_layers import LayerPlan, layer_plans
from phalanx_worker.techniques.technique import ExportRequest

WHOLE_ALPHA = 1.0
"""What is stored where alpha has no meaning."""


@dataclass(frozen=True, eq=False)
class ProductLayer:
    """A layer of the base with its trained LoHa or LoKr."""

    plan: LayerPlan
    factors: dict[str, nn.Parameter]
    """By their names behind the layer's."""
    change: TrainedProduct

    @property
    def is_whole(self) -> bool:
        """Whether there is no bottleneck."""
        return "lokr_w2" in self.factors

    def parameters(self) -> dict[str, nn.Parameter]:
        """By their names in the file."""
        return {f"{self.plan.layer.name}.{name}": parameter for name, parameter in self.factors.items()}

    def stored(self) -> dict[str, Tensor]:
        """What the file holds for the layer."""
        trained = {name: parameter.detach() for name, parameter in self.parameters().items()}
        alpha = WHOLE_ALPHA if self.is_whole else self.plan.alpha
        return trained | {self.plan.layer.name + ALPHA: torch.tensor(alpha)}


@final
class Lycoris(LayeredTechnique[ProductLayer]):
    """Its result is a file in the layout of LyCORIS, with kohya's names of layers."""

    def __init__(self, settings: LohaTechnique | LokrTechnique, objective: Objective) -> None:
        rates = DropoutRates(network=0.0, rank=0.0, module=settings.module_dropout, output=settings.rank_dropout)
        super().__init__(settings, objective, rates)
        self._settings = settings

    def attach(self, base: Base, streams: Streams) -> None:
        """Raises what `layer_plans` raises, and ConfigError (`rank-without-effect`)."""
        self._base = base
        for plan in layer_plans(self._settings, base):
            named = plan.layer
            factors = self._factors(plan, streams)
            module = ProductModule(self._kind, factors, plan.alpha)
            product = TrainedProduct(module, LayerDropout(self._dropout, named.part, named.name))
            attach(named.layer, product)
            self._layers.append(ProductLayer(plan, factors, product))
        if self._settings.rank is not None and all(layer.is_whole for layer in self._layers):
            raise ConfigError(
                f"The rank {self._settings.rank} is so large that every LoKr has whole factors, where neither rank nor "
                "alpha has a meaning. Give a smaller rank or factor, or null, which says so.",
                code="rank-without-effect",
                facts={"rank": self._settings.rank},
            )

    @property
    def _kind(self) -> Literal["LoHa", "LoKr"]:
        return "LoHa" if isinstance(self._settings, LohaTechnique) else "LoKr"

    def _factors(self, plan: LayerPlan, streams: Streams) -> dict[str, nn.Parameter]:
        layer, name, settings = plan.layer.layer, plan.layer.name, self._settings
        if isinstance(settings, LohaTechnique):
            return loha_factors(layer, plan.rank, name, streams)
        return lokr_factors(layer, plan.rank, settings.factor, name, streams)

    def _metadata(self, request: ExportRequest) -> dict[str, str]:
        network = {
            "ss_network_module": "lycoris.kohya",
            "ss_network_dim": str(self._settings.rank),
            "ss_network_alpha": str(self._settings.alpha),
            "ss_network_args": json.dumps(lycoris_arguments(self._settings)),
        }
        return network | adapter_metadata(self._settings, self.base, request)


def lycoris_arguments(technique: LohaTechnique | LokrTechnique) -> dict[str, str]:
    """What `--network_args` of sd-scripts would have been, as far as LyCORIS has words for it: it knows no blocks."""
    arguments = {"algo": "loha" if isinstance(technique, LohaTechnique) else "lokr"}
    if "convolution" in technique.targets:
        arguments["conv_dim"] = str(technique.convolution_rank or technique.rank or 1)
        arguments["conv_alpha"] = str(technique.convolution_alpha or technique.alpha)
    if isinstance(technique, LokrTechnique):
        arguments["factor"] = str(technique.factor or -1)
        if technique.rank is None:
            arguments["full_matrix"] = "True"
    if technique.rank_dropout > 0:
        arguments["rank_dropout"] = str(technique.rank_dropout)
    if technique.module_dropout > 0:
        arguments["module_dropout"] = str(technique.module_dropout)
    return arguments
