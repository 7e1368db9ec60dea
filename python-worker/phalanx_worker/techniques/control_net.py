"""Training of a ControlNet (Zhang et al., 2023) on pairs of image and picture that controls it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, final

from torch import Tensor, nn

from phalanx_worker.artefacts.atomic import whole_folder
from phalanx_worker.errors import ArtefactError
from phalanx_worker.model.base import Base
from phalanx_worker.model.conditioning import predict
from phalanx_worker.model.control_net import (
    Control,
    ControlNet,
    control_net_from,
    read_control_net,
    residuals_of,
    write_control_net,
    write_control_net_file,
)
from phalanx_worker.model.save import folder_bytes, tensor_bytes
from phalanx_worker.protocol.messages import ControlNetTechnique, Objective
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.adapter_metadata import request_metadata
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.denoising import DenoisingTechnique
from phalanx_worker.techniques.technique import ExportRequest, ParameterGroup, WrittenArtefact


@final
class ControlNetTraining(DenoisingTechnique):
    """Its result is a folder in the layout of diffusers, and beside it the file that the web UIs read.

    The base is frozen and stays as it is.
    """

    reads_controls: ClassVar[bool] = True

    def __init__(self, settings: ControlNetTechnique, objective: Objective) -> None:
        super().__init__(objective)
        self._settings = settings
        self._net: ControlNet | None = None

    @property
    def trains_text_encoder(self) -> bool:
        return False

    def attach(self, base: Base, streams: Streams) -> None:
        """Raises what `read_control_net` raises, when the settings name a network to start from."""
        start = self._settings.start
        if start is None:
            # The autoencoder's halvings must be the picture's too.
            levels = base.reduction.bit_length()
            channels = self._settings.channels[:levels]
            seed = streams.integer("control-net-initial", 2**62, 0, 0)
            module = control_net_from(base, channels, seed)
            self._net = ControlNet(module, base.folder, "")
        else:
            self._net = read_control_net(Path(start), base)
        self._net.module.requires_grad_(True)
        self._base = base

    def parameter_groups(self) -> list[ParameterGroup]:
        return [ParameterGroup(dict(self._module().named_parameters()), None)]

    def result_bytes(self) -> int:
        return 2 * tensor_bytes(self._module().state_dict(), self._settings.weights)

    def export(self, request: ExportRequest) -> WrittenArtefact:
        path = request.folder / request.name
        metadata = {"modelspec.title": request.name, **request_metadata(request)}
        with whole_folder(path) as folder:
            write_control_net(self._module(), folder, self._settings.weights, metadata)
        written = read_control_net(path, self.base)
        file = path.with_name(f"{path.name}.safetensors")
        write_control_net_file(self._module(), file, self.base.family, self._settings.weights, metadata)
        if read_control_net(file, self.base).sha256 != written.sha256:
            raise ArtefactError(
                f"{file} does not hold what {path} holds. Check the disk, then train again: the training goes on from "
                "its last checkpoint.",
                code="written-differently",
                facts={"path": str(file)},
            )
        return WrittenArtefact("control-net", path, written.sha256, folder_bytes(path) + file.stat().st_size)

    def detach(self) -> None:
        self._net = None
        self._base = None

    def control_nets(self) -> tuple[ControlNet, ...]:
        return () if self._net is None else (self._net,)

    def _prediction(self, batch: Batch, noisy: Tensor, timesteps: Tensor) -> Tensor:
        if self._net is None or batch.controls is None:
            raise ValueError("a ControlNet is trained on pictures that control")
        control = Control(self._net, batch.controls, 1.0)
        conditioning = self._conditioning(batch)
        added = residuals_of(self.base, [control], noisy, timesteps, conditioning, batch.time_ids)
        return predict(self.base, batch.beside(noisy), timesteps, conditioning, batch.time_ids, added)

    def _module(self) -> nn.Module:
        if self._net is None:
            raise ValueError("the technique is not attached to a base")
        module: nn.Module = self._net.module
        return module
