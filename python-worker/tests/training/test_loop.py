"""What a step adds up, against one backward pass over the whole batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import torch
from torch import Tensor

from phalanx_worker.artefacts.tensors import read_tensors
from phalanx_worker.jobs import train
from phalanx_worker.protocol.messages import DatasetReference
from tests.small import Recorder, train_job


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def trained(base: Path, dataset: DatasetReference, output: Path, count: int) -> dict[str, Tensor]:
    """Weights after some steps with so many threads, and as many lanes as fit into a batch."""
    torch.set_num_threads(count)
    job = train_job(base, dataset, output, batch_size=5, steps=4)
    train.run(job, Recorder().context)
    return read_tensors(output / "checkpoints/step-00000004/weights.safetensors")


@pytest.mark.usefixtures("threads")
def test_lanes_change_rounding_only(base_folder: Path, dataset: DatasetReference, tmp_path: Path) -> None:
    one = trained(base_folder, dataset, tmp_path / "one", 1)
    # Five samples in lanes of 1, 2 and 2: a mean of means would weigh the first one twice.
    three = trained(base_folder, dataset, tmp_path / "three", 3)
    again = trained(base_folder, dataset, tmp_path / "again", 3)
    assert all(torch.equal(three[name], again[name]) for name in three)
    # Adam divides by the gradient's size, so rounding of a tiny gradient may turn a step around: 4 steps of 1e-3.
    distance = torch.cat([(one[name] - three[name]).abs().flatten() for name in one])
    assert float(distance.max()) < 8e-3
    assert float(distance.mean()) < 1e-7


def test_bfloat16_learns_like_float32(base_folder: Path, dataset: DatasetReference, tmp_path: Path) -> None:
    losses = []
    for precision in ("float32", "bfloat16"):
        job = train_job(base_folder, dataset, tmp_path / precision)
        settings = msgspec.structs.replace(job.settings, precision=precision)
        losses.append(train.run(msgspec.structs.replace(job, settings=settings), Recorder().context).final_loss)
    # Eight bits of mantissa, averaged over many values.
    assert losses[1] == pytest.approx(losses[0], rel=0.02)
