"""Low-rank adaptation of UNet and text encoder (Hu et al., 2021)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import final

from torch import nn

from phalanx_worker.model.base import Base
from phalanx_worker.model.low_rank_dropout import DropoutRates
from phalanx_worker.protocol.messages import LoraTechnique, Objective
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.adapted_layer import AdaptedLayer, adapt
from phalanx_worker.techniques.adapter_metadata import adapter_metadata
from phalanx_worker.techniques.kohya_network import network_arguments
from phalanx_worker.techniques.layered import LayeredTechnique
from phalanx_worker.techniques.lora_layers import layer_plans
from phalanx_worker.techniques.lora_start import start_from
from phalanx_worker.techniques.technique import ExportRequest


@final
class Lora(LayeredTechnique[AdaptedLayer]):
    """Its result is a file in kohya's layout: `<layer>.lora_down.weight`, `.lora_up.weight`, `.alpha`.

    With `decomposed` there is `<layer>.dora_scale` too.
    """

    def __init__(self, settings: LoraTechnique, objective: Objective) -> None:
        rates = DropoutRates(settings.network_dropout, settings.rank_dropout, settings.module_dropout)
        super().__init__(settings, objective, rates)
        self._settings = settings

    def attach(self, base: Base, streams: Streams) -> None:
        """Raises what `layer_plans` and `start_from` raise."""
        self._base = base
        for plan in layer_plans(self._settings, base):
            self._layers.append(adapt(plan, self._settings.decomposed, self._dropout, streams))
        if self._settings.start is not None:
            start_from(Path(self._settings.start), base, self._layers)

    def after_step(self) -> None:
        if self._settings.maximum_norm is not None:
            for layer in self._layers:
                layer.limit_norm(self._settings.maximum_norm)

    def _ratio(self, layer: AdaptedLayer, parameter: nn.Parameter) -> float:
        return self._settings.up_learning_rate_ratio if parameter is layer.up else 1.0

    def _metadata(self, request: ExportRequest) -> dict[str, str]:
        technique = self._settings
        network = {
            "ss_network_module": "networks.lora",
            "ss_network_dim": str(technique.rank),
            "ss_network_alpha": str(technique.alpha),
            "ss_network_args": json.dumps(network_arguments(technique, self.base)),
            "ss_network_dropout": str(technique.network_dropout or None),
            "ss_scale_weight_norms": str(technique.maximum_norm),
        }
        return network | adapter_metadata(technique, self.base, request)
