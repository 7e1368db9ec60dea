"""The moving average against diffusers."""

from __future__ import annotations

import torch
from diffusers.training_utils import EMAModel

from phalanx_worker.training.ema import MovingAverage


def test_averages_equal_those_of_diffusers() -> None:
    generator = torch.Generator().manual_seed(0)
    parameter = torch.nn.Parameter(torch.randn(5, generator=generator))
    ours = MovingAverage({"a": parameter}, 0.9)
    reference = EMAModel([parameter], decay=0.9, use_ema_warmup=False)
    for step in range(1, 40):
        with torch.no_grad():
            parameter.add_(torch.randn(5, generator=generator))
        ours.update(step)
        reference.step([parameter])
        # The reference subtracts where ours interpolates; float32 keeps 24 bits.
        torch.testing.assert_close(ours.state()["a"], reference.shadow_params[0], rtol=1e-5, atol=1e-6)


def test_applied_averages_are_taken_back_bit_by_bit() -> None:
    parameter = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    average = MovingAverage({"a": parameter}, 0.5)
    with torch.no_grad():
        parameter.copy_(torch.tensor([0.1, 0.3]))
    with average.applied():
        assert parameter.tolist() == [1.0, 2.0]
    assert torch.equal(parameter.detach(), torch.tensor([0.1, 0.3]))
