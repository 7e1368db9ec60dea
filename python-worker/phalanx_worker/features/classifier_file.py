"""The file of a trained finger classifier."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch
from torch import Tensor

from phalanx_worker.artefacts.tensors import read_metadata, read_tensors, write_tensors
from phalanx_worker.errors import ArtefactError
from phalanx_worker.features.network import FingerNetwork
from phalanx_worker.protocol.messages import ClassifierSettings

FORMAT = "phalanx-finger-classifier-1"
TEMPERATURE = "temperature"


@dataclass(frozen=True, eq=False)
class Classifier:
    """A network that is ready to judge."""

    network: FingerNetwork
    image_size: int
    temperature: float
    """Divides the defect logit before it becomes a probability."""


def write_classifier(
    path: Path, network: FingerNetwork, settings: ClassifierSettings, temperature: float, dataset_sha256: str
) -> None:
    """Write weights in half precision, whole or not at all. Raises ArtefactError (`disk-full`)."""
    tensors: dict[str, Tensor] = {
        name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in network.state_dict().items()
    }
    tensors[TEMPERATURE] = torch.tensor(temperature)
    metadata = {
        "format": FORMAT,
        "settings": msgspec.json.encode(settings).decode(),
        "dataset_sha256": dataset_sha256,
    }
    write_tensors(path, tensors, metadata)


def read_classifier(path: Path) -> Classifier:
    """Read a classifier.

    Raises ArtefactError: `not-a-classifier`, and what `read_tensors` raises.
    """
    tensors = read_tensors(path)
    metadata = read_metadata(path)
    try:
        if metadata.get("format") != FORMAT:
            raise ValueError(f"its format is {metadata.get('format')!r}")
        settings = msgspec.json.decode(metadata["settings"], type=ClassifierSettings)
        temperature = float(tensors.pop(TEMPERATURE))
        network = FingerNetwork(settings.channels)
        network.load_state_dict({name: tensor.float() if tensor.is_floating_point() else tensor
                                 for name, tensor in tensors.items()})  # fmt: skip
    except (ValueError, KeyError, RuntimeError, msgspec.DecodeError) as error:
        raise ArtefactError(
            f"{path} is no finger classifier: {error}. Give a file that `lab.trainClassifier` wrote.",
            code="not-a-classifier",
            facts={"path": str(path)},
        ) from error
    network.eval()
    return Classifier(network, settings.image_size, temperature)
