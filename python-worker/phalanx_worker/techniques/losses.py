"""What a forward pass is worth."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class SampleSum:
    """A loss summed over samples, to be averaged over several passes."""

    total: float = 0.0
    samples: int = 0

    def __add__(self, other: SampleSum) -> SampleSum:
        return SampleSum(self.total + other.total, self.samples + other.samples)

    def mean(self) -> float | None:
        """None without samples."""
        return self.total / self.samples if self.samples > 0 else None


@dataclass(frozen=True)
class Losses:
    """Of one batch."""

    total: Tensor
    """Mean over the samples of what is minimised, a scalar with gradient."""
    on_mask: SampleSum = field(default_factory=SampleSum)
    """With masks, the loss against the target on them."""
    off_mask: SampleSum = field(default_factory=SampleSum)
    """The same off them, of samples that have such a part."""
