"""Dropout in low-rank changes, drawn for each layer, step and row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from phalanx_worker.streams import Streams


@dataclass(frozen=True)
class DropoutRates:
    """Probabilities in [0, 1)."""

    network: float
    """Of a number between the factors."""
    rank: float
    """Of a rank, for all of a row."""
    module: float
    """Of the whole layer, for all rows of a step."""
    output: float = 0.0
    """Of an output in a change of a whole weight, for all rows of a step; as in LyCORIS, the others do not grow."""


@dataclass(frozen=True)
class DropoutRows:
    """What the rows of a forward pass are, so that each is dropped from alike in whatever batch it comes."""

    streams: Streams
    step: int
    keys: Mapping[str, Sequence[str]]
    """One key for each row, by the part of the base that sees them."""


class Dropout:
    """Dropout of all layers of an adapter; off unless its context is between `drawing` and computes gradients.

    Each thread has a context of its own. What is computed again for gradients is computed in the context of the first
    time, and so drops the same.
    """

    def __init__(self, rates: DropoutRates) -> None:
        self.rates = rates
        self._rows: ContextVar[DropoutRows | None] = ContextVar("dropout-rows", default=None)
        self._all: ContextVar[bool] = ContextVar("dropout-of-all-layers", default=False)

    @contextmanager
    def drawing(self, rows: DropoutRows) -> Iterator[None]:
        """Drop from the forward passes of this context."""
        token = self._rows.set(rows)
        try:
            yield
        finally:
            self._rows.reset(token)

    @contextmanager
    def of_all_layers(self) -> Iterator[None]:
        """Let this context see the base without any layer of the adapter."""
        token = self._all.set(True)
        try:
            yield
        finally:
            self._all.reset(token)

    @property
    def drops_all(self) -> bool:
        """Whether this context is within `of_all_layers`."""
        return self._all.get()

    def rows(self) -> DropoutRows | None:
        """What this context computes; None when nothing is dropped from it."""
        return self._rows.get() if torch.is_grad_enabled() else None


@dataclass(frozen=True, eq=False)
class LayerDropout:
    """Dropout of one layer."""

    dropout: Dropout
    part: str
    name: str
    """Of the layer; its draws depend on it."""

    def active(self) -> bool:
        """Whether anything between the factors may be dropped now."""
        rates = self.dropout.rates
        return self.dropout.rows() is not None and (rates.network > 0 or rates.rank > 0)

    def skipped(self) -> bool:
        """Whether this layer is not adapted in the present step."""
        rows, rate = self.dropout.rows(), self.dropout.rates.module
        return self.dropout.drops_all or (
            rows is not None and rate > 0 and rows.streams.uniform(f"module-dropout:{self.name}", rows.step, 0) < rate
        )

    def kept_outputs(self, count: int) -> Tensor | None:
        """[count], 0 for each output that is left out in the present step; None when none is."""
        rows, rates = self.dropout.rows(), self.dropout.rates
        if rows is None or rates.output == 0:
            return None
        draws = rows.streams.generator(f"output-dropout:{self.name}", rows.step).random(count, dtype=np.float32)
        return torch.from_numpy(draws >= np.float32(rates.output)).float()

    def thinned(self, hidden: Tensor) -> Tensor:
        """`hidden`, [n, ..., rank] or [n, rank, height, width], without what is dropped and scaled for what is kept."""
        rows, rates = self.dropout.rows(), self.dropout.rates
        if rows is None:
            return hidden
        keys = rows.keys[self.part]
        if len(keys) != len(hidden):
            raise ValueError(f"{len(hidden)} rows of {self.name} have {len(keys)} keys")
        if rates.network > 0:
            hidden = hidden * self._kept(rows, "network", tuple(hidden.shape[1:]), rates.network).to(hidden)
        if rates.rank > 0:
            axis = 1 if hidden.ndim == 4 else hidden.ndim - 1
            shape = [1] * (hidden.ndim - 1)
            shape[axis - 1] = hidden.shape[axis]
            hidden = hidden * self._kept(rows, "rank", tuple(shape), rates.rank).to(hidden)
        return hidden

    def _kept(self, rows: DropoutRows, kind: str, shape: tuple[int, ...], rate: float) -> Tensor:
        """0 where something is dropped, 1 / (1 - rate) elsewhere, [n, *shape]."""
        draws = [
            rows.streams.generator(f"{kind}-dropout:{self.name}:{key}", rows.step).random(shape, dtype=np.float32)
            for key in rows.keys[self.part]
        ]
        return torch.from_numpy(np.stack(draws) >= np.float32(rate)).float().div_(1 - rate)
