"""Training of a base's variational autoencoder."""

from __future__ import annotations

from typing import ClassVar, final

import torch
from torch import Tensor

from phalanx_worker.errors import ConfigError
from phalanx_worker.model.base import Base, base_sha256, base_tensors
from phalanx_worker.model.save import StoredType, folder_bytes, save_base, tensor_bytes
from phalanx_worker.protocol.messages import AutoencoderTechnique, Objective
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.technique import ExportRequest, Feed, ParameterGroup, Technique, WrittenArtefact
from phalanx_worker.techniques.weights import BorrowedWeights, borrow

STORED_AS: StoredType = "float32"
"""Numeric type of the weights in the result."""


@final
class Autoencoder(Technique):
    """Minimises L1 + gradient difference + KL divergence (Kingma and Welling, 2014). Its result is a whole base."""

    feed: ClassVar[Feed] = "pixels"

    def __init__(self, settings: AutoencoderTechnique, objective: Objective) -> None:
        # Nothing is denoised.
        del objective
        self._settings = settings
        self._borrowed: BorrowedWeights | None = None
        self._scaling_factor = 1.0

    @property
    def trains_text_encoder(self) -> bool:
        return False

    def attach(self, base: Base, streams: Streams) -> None:
        del streams
        crop = self._settings.crop
        if crop is not None and crop % base.reduction != 0:
            raise ConfigError(
                f"crop is {crop}; it must be a multiple of {base.reduction}, the autoencoder's reduction.",
                code="crop-mismatch",
                facts={"crop": crop, "reduction": base.reduction},
            )
        self._base = base
        self._scaling_factor = float(base.autoencoder.config.scaling_factor)
        self._borrowed = borrow(dict(base.autoencoder.named_parameters()))

    def parameter_groups(self) -> list[ParameterGroup]:
        return [ParameterGroup(dict(self.base.autoencoder.named_parameters()), None)]

    def loss(self, batch: Batch) -> Tensor:
        if batch.pixels is None:
            raise ValueError("the autoencoder is fed pixels")
        pixels = self._cropped(batch, batch.pixels)
        posterior = self.base.autoencoder.encode(pixels).latent_dist
        mean, deviation = posterior.mean.float(), posterior.std.float()
        noise = batch.normal("posterior", tuple(mean.shape[1:])).to(mean.device)
        decoded = self.base.autoencoder.decode(mean + deviation * noise).sample.float()
        difference = decoded - pixels
        reconstruction = difference.abs().mean()
        edges = difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()
        divergence = 0.5 * (mean.square() + deviation.square() - 1.0 - 2.0 * deviation.log()).mean()
        total: Tensor = reconstruction + self._settings.gradient_weight * edges + self._settings.kl_weight * divergence
        return total

    def result_bytes(self) -> int:
        return tensor_bytes(base_tensors(self.base.parts), STORED_AS)

    def export(self, request: ExportRequest) -> WrittenArtefact:
        path = request.folder / request.name
        deviation = self._latent_deviation(request)
        self.base.autoencoder.register_to_config(scaling_factor=1.0 / deviation)
        save_base(self.base, path, STORED_AS)
        return WrittenArtefact("base", path, base_sha256(self.base.parts), folder_bytes(path))

    def detach(self) -> None:
        if self._borrowed is not None:
            self._borrowed.give_back()
            self.base.autoencoder.register_to_config(scaling_factor=self._scaling_factor)
        self._borrowed = None
        self._base = None

    def _cropped(self, batch: Batch, pixels: Tensor) -> Tensor:
        crop = self._settings.crop
        height, width = pixels.shape[-2:]
        if crop is None or (crop >= height and crop >= width):
            return pixels
        side_y, side_x = min(crop, height), min(crop, width)
        tops = batch.integers("crop-top", height - side_y + 1).tolist()
        lefts = batch.integers("crop-left", width - side_x + 1).tolist()
        pieces = [
            image[:, top : top + side_y, left : left + side_x]
            for image, top, left in zip(pixels, tops, lefts, strict=True)
        ]
        return torch.stack(pieces)

    def _latent_deviation(self, request: ExportRequest) -> float:
        count, total, squares = 0, 0.0, 0.0
        with torch.no_grad():
            for images in request.images():
                posterior = self.base.autoencoder.encode(images).latent_dist
                mean, variance = posterior.mean.double(), posterior.var.double()
                count += mean.numel()
                total += float(mean.sum())
                squares += float((mean.square() + variance).sum())
        average = total / count
        return float((squares / count - average * average) ** 0.5)
