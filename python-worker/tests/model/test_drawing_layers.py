"""Layers in the form that draws fastest, against diffusers' own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers.models.activations import GEGLU
from diffusers.models.upsampling import Upsample2D
from torch import nn

from phalanx_worker.model.conditioning import Conditioning, predict
from phalanx_worker.model.drawing_layers import drawing_layers
from phalanx_worker.model.feed_forward import SplitGate
from phalanx_worker.model.load import load_base
from phalanx_worker.model.shared_halves import halves_are_alike, shared_halves
from phalanx_worker.model.upsampling import subpixel_upsampling

# Sums of some hundred float32 products in another order.
ROUNDING = {"rtol": 1e-4, "atol": 1e-5}


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 5), (8, 8)])
@pytest.mark.parametrize("bias", [True, False])
def test_subpixel_upsampling_is_doubling_and_convolving(height: int, width: int, bias: bool) -> None:
    module = Upsample2D(6, use_conv=True, out_channels=10, bias=bias)
    images = torch.randn(3, 6, height, width)
    subpixel = subpixel_upsampling(module)
    assert subpixel is not None
    with torch.inference_mode():
        torch.testing.assert_close(subpixel(images), module(images), **ROUNDING)
        odd = (2 * height + 1, 2 * width + 1)
        torch.testing.assert_close(subpixel(images, odd), module(images, odd), **ROUNDING)


@pytest.mark.parametrize("module", [Upsample2D(4), Upsample2D(4, use_conv=True, kernel_size=1, padding=0),
                                    Upsample2D(4, use_conv_transpose=True)])  # fmt: skip
def test_other_upsampling_is_left_alone(module: Upsample2D) -> None:
    assert subpixel_upsampling(module) is None


@pytest.mark.parametrize("bias", [True, False])
def test_a_split_gate_is_that_of_diffusers(bias: bool) -> None:
    module = GEGLU(6, 10, bias=bias)
    rows = torch.randn(2, 5, 6)
    with torch.inference_mode():
        torch.testing.assert_close(SplitGate(module)(rows), module(rows), **ROUNDING)


@pytest.mark.parametrize("alike", [True, False])
def test_a_network_predicts_the_same(base_folder: Path, alike: bool) -> None:
    base = load_base(base_folder)
    images, texts = torch.randn(2, 4, 8, 8), torch.randn(4, 77, base.text_encoder.config.hidden_size)
    rows = torch.cat([images, images])

    def predicted() -> torch.Tensor:
        return predict(base, rows, 500.0, Conditioning(texts, None), None)

    with torch.inference_mode():
        wanted = predicted()
        with drawing_layers(base):
            if alike:
                with shared_halves(base.unet):
                    found = predicted()
            else:
                found = predicted()
    torch.testing.assert_close(found, wanted, **ROUNDING)
    assert not any("forward" in vars(module) for module in base.unet.modules())


def test_half_of_the_rows_go_through_what_is_shared(base_folder: Path) -> None:
    base = load_base(base_folder)
    seen: list[int] = []
    entry: nn.Module = base.unet.conv_in
    entry.register_forward_pre_hook(lambda _module, given: seen.append(len(given[0])))
    before = entry.forward
    entry.forward = lambda rows: (seen.append(len(rows)), before(rows))[1]  # type: ignore[method-assign]
    rows, texts = torch.randn(1, 4, 8, 8).repeat(4, 1, 1, 1), torch.randn(4, 77, base.text_encoder.config.hidden_size)
    with torch.inference_mode(), shared_halves(base.unet):
        predict(base, rows, 500.0, Conditioning(texts, None), None)
    assert seen == [4, 2]


def test_halves_of_sdxl_are_told_of_the_prompt_from_the_start(family_folders: dict[str, Path]) -> None:
    assert not halves_are_alike(load_base(family_folders["sdxl"]).unet)
    assert halves_are_alike(load_base(family_folders["sd-2"]).unet)
