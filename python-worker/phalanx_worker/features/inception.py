"""Features of FID and KID: the weights' file, and images as the network takes them."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from phalanx_worker.artefacts.tensors import read_tensors
from phalanx_worker.errors import ArtefactError
from phalanx_worker.features.extractor import Extractor, require_sha256
from phalanx_worker.features.inception_network import FEATURES, InceptionNetwork
from phalanx_worker.protocol.messages import StoredInception
from phalanx_worker.training.images import Pixels

SIZE = 299
DAMAGE = (pickle.UnpicklingError, zipfile.BadZipFile, EOFError, ValueError, OSError, RuntimeError, AttributeError)
"""What `torch.load` raises for files that are no dictionary of tensors."""


class InceptionExtractor(Extractor):
    """Pooled activations, [n, 2048]."""

    def __init__(self, network: InceptionNetwork, resize: Callable[[Pixels], Tensor], device: torch.device) -> None:
        self._network = network.to(device).eval().requires_grad_(False)
        self._resize = resize
        self._device = device

    @property
    def width(self) -> int:
        return FEATURES

    def prepare(self, pixels: Pixels) -> Tensor:
        # As in the graph that the weights come from; others divide by 127.5.
        return (self._resize(pixels) - 128) / 128

    def embed(self, images: Tensor) -> Tensor:
        with torch.inference_mode():
            features: Tensor = self._network(images.to(self._device))
        return features


def read_inception(settings: StoredInception, device: torch.device) -> InceptionExtractor:
    """Read the weights, a safetensors file or that of torch-fidelity and pytorch-fid.

    Raises ArtefactError: `missing-file`, `changed-weights`, `not-an-inception`, `broken-file`.
    """
    path = Path(settings.weights)
    require_sha256(path, settings.sha256)
    tensors = {name: tensor for name, tensor in _read(path).items() if not name.startswith("fc.")}
    network = InceptionNetwork()
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        first = next(line.strip() for line in str(error).splitlines()[1:] if line.strip())
        raise _not_an_inception(path, first) from error
    return InceptionExtractor(network, RESIZES[settings.resize], device)


def tensorflow_bilinear(pixels: Pixels) -> Tensor:
    """[3, 299, 299] in [0, 255] as TensorFlow 1 resizes: without antialias, from the corner of the first pixel."""
    image = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)
    left, right, across = _neighbours(image.shape[2])
    rows = image[:, :, left] + (image[:, :, right] - image[:, :, left]) * across
    upper, lower, down = _neighbours(image.shape[1])
    return rows[:, upper] + (rows[:, lower] - rows[:, upper]) * down[:, None]


def pillow_bicubic(pixels: Pixels) -> Tensor:
    """[3, 299, 299] in [0, 255] as clean-fid resizes: each channel as numbers, with antialias, not rounded again."""
    channels = [
        np.asarray(Image.fromarray(channel).resize((SIZE, SIZE), Image.Resampling.BICUBIC)).clip(0, 255)
        for channel in pixels.astype(np.float32).transpose(2, 0, 1)
    ]
    return torch.from_numpy(np.stack(channels))


RESIZES: Mapping[str, Callable[[Pixels], Tensor]] = MappingProxyType(
    {"tensorflow-bilinear": tensorflow_bilinear, "pillow-bicubic": pillow_bicubic}
)


def _neighbours(side: int) -> tuple[Tensor, Tensor, Tensor]:
    """For each of 299 places the two pixels around it, and how far it lies from the first."""
    places = torch.arange(SIZE, dtype=torch.float32) * torch.tensor(side / SIZE, dtype=torch.float32)
    first = places.long()
    return first, (first + 1).clamp_max(side - 1), places - first


def _read(path: Path) -> dict[str, Tensor]:
    with path.open("rb") as stream:
        start = stream.read(4)
    if start[:2] != b"PK" and start[:1] != b"\x80":
        return read_tensors(path)
    try:
        # The file was published as a pickle; read this way, it can name nothing but tensors.
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except DAMAGE as error:
        raise _not_an_inception(path, str(error).splitlines()[0]) from error
    if not isinstance(loaded, dict) or not all(isinstance(tensor, Tensor) for tensor in loaded.values()):
        raise _not_an_inception(path, "it holds something else than tensors by name")
    return {str(name): tensor for name, tensor in loaded.items()}


def _not_an_inception(path: Path, why: str) -> ArtefactError:
    return ArtefactError(
        f"{path} does not hold the Inception of FID: {why} Give pt_inception-2015-12-05-6726825d.pth, which "
        "torch-fidelity and pytorch-fid fetch.",
        code="not-an-inception",
        facts={"path": str(path)},
    )
