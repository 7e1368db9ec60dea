"""What every way to change a base has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec
import torch
from torch import Tensor, nn

from phalanx_worker.errors import ArtefactError
from phalanx_worker.model.base import Base
from phalanx_worker.model.control_net import ControlNet
from phalanx_worker.model.module_names import NamedLayer
from phalanx_worker.protocol.messages import Approximation, TrainingSettings, TrainingSubset
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.losses import Losses

ArtefactKind = Literal["lora", "embedding", "base", "control-net"]
Feed = Literal["latents", "pixels"]


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that share a learning rate. Names are unique across all groups of a technique."""

    parameters: Mapping[str, nn.Parameter]
    learning_rate: float | None
    """None takes the optimizer's."""
    factor: float = 1.0
    """Multiplies the rate."""


@dataclass(frozen=True)
class LowRankChange:
    """What a technique learns of one layer by factors of low rank."""

    layer: NamedLayer
    rank: int
    alpha: float
    parameters: int


@dataclass(frozen=True)
class ExportRequest:
    """Where a result goes and what it tells about itself."""

    folder: Path
    """Exists; the result appears in it under `name`, whole or not at all."""
    name: str
    settings: TrainingSettings
    steps: int
    """Optimizer steps done."""
    base_sha256: str
    subsets: tuple[TrainingSubset, ...]
    images: Callable[[], Iterator[Tensor]]
    """All training images in batches, [n, 3, height, width] in [-1, 1]."""
    progress: Callable[[int, int], None]
    """Told how much of the work is done, of how much; may end it with JobCancelled."""


@dataclass(frozen=True)
class WrittenArtefact:
    """A result on disk."""

    kind: ArtefactKind
    path: Path
    sha256: str
    """Of the file's bytes, or the identity of the base."""
    bytes: int
    approximation: Approximation | None = None
    """How near a low-rank file comes to what was trained; None when nothing is left away."""


class Technique(ABC):
    """Attaches trainable parameters to a base, says what to minimise, and exports the result.

    Life: construct with its settings, `attach`, any number of `loss` calls, `export`, `detach`. The loop sets the
    parameters to their moving average before `export` when there is one. `detach` leaves the base bit-identical.
    """

    feed: ClassVar[Feed]
    """What its batches carry."""
    reads_controls: ClassVar[bool] = False
    """Whether its batches also carry pictures that control the images."""

    _base: Base | None = None

    @property
    def base(self) -> Base:
        """The base it is attached to; raises ValueError when it is not."""
        if self._base is None:
            raise ValueError("the technique is not attached to a base")
        return self._base

    @property
    @abstractmethod
    def trains_text_encoder(self) -> bool:
        """Whether text embeddings change in training; if not, batches carry them as `conditioning`."""

    @abstractmethod
    def attach(self, base: Base, streams: Streams) -> None:
        """Make the parameters, with random numbers from `streams`, put them into effect, and set `_base`."""

    @abstractmethod
    def parameter_groups(self) -> Sequence[ParameterGroup]:
        """The trained parameters, the same objects on every call while attached."""

    def low_rank_changes(self) -> Sequence[LowRankChange]:
        """The layers of the base that get factors of low rank, in the base's order; none by default."""
        return ()

    @abstractmethod
    def result_bytes(self) -> int:
        """Size of the numbers in the result, without their names and metadata. Needs no numbers, only shapes."""

    @abstractmethod
    def loss(self, batch: Batch) -> Tensor:
        """Mean loss over the batch, a scalar with gradient. Runs under autocast when precision is half.

        Parts of a batch may be given at the same time, on threads of their own; their means are averaged.
        """

    def losses(self, batch: Batch) -> Losses:
        """The loss with its parts, as far as it has any."""
        return Losses(self.loss(batch))

    @abstractmethod
    def export(self, request: ExportRequest) -> WrittenArtefact:
        """Write the result with the parameters as they are now."""

    @abstractmethod
    def detach(self) -> None:
        """Take everything off the base."""

    def remarks(self) -> Sequence[str]:
        """What is allowed and yet worth a warning, known once it is attached."""
        return ()

    def caption(self, caption: str, streams: Streams, step: int, sample: int) -> str:
        """The caption a sample is trained with; dropout comes after it."""
        del streams, step, sample
        return caption

    def after_step(self) -> None:
        """Called after every optimizer step, before the moving average: limits parameters that have limits."""
        return

    def control_nets(self) -> Sequence[ControlNet]:
        """Networks that act on pictures drawn with it attached."""
        return ()

    def state(self) -> dict[str, Tensor]:
        """Everything trained, for a checkpoint: by default the parameters by name."""
        return {name: parameter.detach() for name, parameter in named_parameters(self).items()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Restore what `state` gave; raises ArtefactError when names or shapes differ."""
        own = named_parameters(self)
        if own.keys() != state.keys() or any(own[name].shape != tensor.shape for name, tensor in state.items()):
            raise ArtefactError(
                "The checkpoint holds other parameters than this technique trains; train into a new folder.",
                code="checkpoint-mismatch",
                facts={"expected": len(own), "found": len(state)},
            )
        with torch.no_grad():
            for name, parameter in own.items():
                parameter.copy_(state[name])


def named_parameters(technique: Technique) -> dict[str, nn.Parameter]:
    """All trained parameters by name, in the order of the groups."""
    return {name: item for group in technique.parameter_groups() for name, item in group.parameters.items()}


def subset_facts(subset: TrainingSubset) -> dict[str, Any]:
    """What of a subset decides the result: everything but where it lies."""
    return {**msgspec.to_builtins(subset), "dataset": subset.dataset.sha256}
