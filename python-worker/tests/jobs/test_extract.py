"""Low-rank files of what two bases differ in."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from torch import Tensor

from phalanx_worker.artefacts.tensors import read_metadata, read_tensors
from phalanx_worker.errors import ArtefactError, ConfigError
from phalanx_worker.jobs import extract
from phalanx_worker.model.adapters import applied
from phalanx_worker.model.base import Base
from phalanx_worker.model.load import load_base
from phalanx_worker.model.low_rank_difference import ChangedLayer, file_bytes, low_rank_difference
from phalanx_worker.model.module_names import adaptable_layers
from phalanx_worker.model.save import save_base
from phalanx_worker.protocol.messages import ExtractJob, ExtractResult, LogEvent, LowRankSize
from tests.drawing import drawn, drawn_by_diffusers, largest_difference, request, sampling
from tests.small import ARCHITECTURES, Recorder, adapter_reference, make_base

PIPELINES = {"sd-1": StableDiffusionPipeline, "sd-2": StableDiffusionPipeline, "sdxl": StableDiffusionXLPipeline}
FULL = LowRankSize(rank=4096, bytes=None)


def tuned(base: Base, folder: Path, others: bool = False) -> Path:
    """A base whose every linear and convolutional weight differs a little; with `others` so do a bias and a norm."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for layer in adaptable_layers(base).values():
            layer.weight.add_(0.02 * torch.randn(layer.weight.shape, generator=generator))
        if others:
            base.unet.conv_in.bias.add_(1)
            base.unet.conv_norm_out.weight.mul_(0.5)
    save_base(base, folder, "float32")
    return folder


@pytest.fixture(scope="module")
def pairs(family_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """Each family's base with its tuned one."""
    parent = tmp_path_factory.mktemp("tuned")
    return {family: (path, tuned(load_base(path), parent / family)) for family, path in family_folders.items()}


def extracted(
    pair: tuple[Path, Path], path: Path, size: LowRankSize, weights: str = "float32", recorder: Recorder | None = None
) -> ExtractResult:
    job = ExtractJob(base=str(pair[0]), tuned=str(pair[1]), size=size, weights=weights, output=str(path))  # type: ignore[arg-type]
    return extract.run(job, (recorder or Recorder()).context)


def differences(pair: tuple[Path, Path]) -> dict[str, Tensor]:
    before, after = (adaptable_layers(load_base(path)) for path in pair)
    return {name: (after[name].weight - before[name].weight).detach() for name in before}


@pytest.mark.parametrize("family", ["sd-1", "sd-2", "sdxl"])
def test_at_full_rank_the_file_makes_the_tuned_base_here_and_in_diffusers(
    pairs: dict[str, tuple[Path, Path]], tmp_path: Path, family: str
) -> None:
    recorder = Recorder()
    result = extracted(pairs[family], tmp_path / "all.safetensors", FULL, recorder=recorder)
    assert result.approximation.layers == result.approximation.cut_layers == len(differences(pairs[family]))
    assert result.approximation.relative_error < 1e-5
    assert result.left_out.tensors == 0
    (told,) = [event.text for event in recorder.events if isinstance(event, LogEvent)]
    assert "larger than a dimension" in told
    base, goal = (load_base(path) for path in pairs[family])
    requests, settings = [request("a photo of a hand", seed) for seed in (1, 2)], sampling(steps=4)
    wanted = drawn(goal, requests, settings)
    assert largest_difference(drawn(base, requests, settings), wanted) > 8
    with applied(base, [adapter_reference(result.file.path, 1.0)]) as changed:
        # Float32 singular value decompositions leave an error of 1e-6, seen through some steps of guidance.
        assert largest_difference(drawn(changed, requests, settings), wanted) <= 1
    pipe = PIPELINES[family].from_pretrained(pairs[family][0], local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    pipe.load_lora_weights(str(tmp_path), weight_name="all.safetensors")
    assert largest_difference(drawn_by_diffusers(pipe, requests, settings), wanted) <= 1


def test_of_a_rank_it_is_the_nearest_there_is(pairs: dict[str, tuple[Path, Path]], tmp_path: Path) -> None:
    path = tmp_path / "three.safetensors"
    result = extracted(pairs["sd-1"], path, LowRankSize(rank=3, bytes=None))
    stored = read_tensors(path)
    left = total = 0.0
    for name, change in differences(pairs["sd-1"]).items():
        down, up = stored[f"{name}.lora_down.weight"], stored[f"{name}.lora_up.weight"]
        assert down.shape == (3, *change.shape[1:]) and float(stored[f"{name}.alpha"]) == 3
        # Eckart and Young: the smallest possible error is the tail of the singular values.
        values = np.linalg.svd(change.flatten(1).double().numpy(), compute_uv=False)
        found = float((change.flatten(1) - up.flatten(1) @ down.flatten(1)).double().square().sum())
        assert found == pytest.approx(float((values[3:] ** 2).sum()), rel=1e-3, abs=1e-9)
        left, total = left + float((values[3:] ** 2).sum()), total + float((values**2).sum())
    assert result.approximation.relative_error == pytest.approx(math.sqrt(left / total), rel=1e-4)
    metadata = read_metadata(path)
    assert metadata["ss_network_module"] == "networks.lora"
    assert metadata["ss_network_dim"] == metadata["ss_network_alpha"] == "3"
    assert (
        metadata["ss_base_model_version"] == "sd_v1"
        and metadata["modelspec.architecture"] == "stable-diffusion-v1/lora"
    )
    assert float(metadata["phalanx.relative_error"]) == pytest.approx(result.approximation.relative_error, rel=1e-6)
    assert metadata["phalanx.base_sha256"] == load_base(pairs["sd-1"][0]).sha256


@pytest.mark.parametrize("weights", ["float32", "float16", "bfloat16"])
def test_within_a_size_it_fits_and_is_at_least_as_near_as_one_rank_for_all(
    pairs: dict[str, tuple[Path, Path]], tmp_path: Path, weights: str
) -> None:
    uniform = extracted(pairs["sd-1"], tmp_path / "uniform.safetensors", LowRankSize(rank=4, bytes=None), weights)
    size = LowRankSize(rank=None, bytes=uniform.file.bytes)
    result = extracted(pairs["sd-1"], tmp_path / "sized.safetensors", size, weights)
    assert 0.98 * uniform.file.bytes < result.file.bytes <= uniform.file.bytes
    assert result.approximation.smallest_rank < result.approximation.largest_rank
    assert result.approximation.relative_error < uniform.approximation.relative_error
    assert read_metadata(tmp_path / "sized.safetensors")["ss_network_dim"] == "Dynamic"


def test_a_size_that_is_too_small_names_the_least_which_then_does(
    pairs: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    path = tmp_path / "small.safetensors"
    with pytest.raises(ConfigError) as caught:
        extracted(pairs["sd-1"], path, LowRankSize(rank=None, bytes=1000))
    assert caught.value.code == "file-too-small" and not path.exists()
    least = int(str(caught.value.facts["least"]))
    with pytest.raises(ConfigError):
        extracted(pairs["sd-1"], path, LowRankSize(rank=None, bytes=least - 1))
    result = extracted(pairs["sd-1"], path, LowRankSize(rank=None, bytes=least))
    assert result.approximation.largest_rank == 1 and result.file.bytes <= least < result.file.bytes * 1.1


def test_what_no_low_rank_file_can_hold_is_said(family_folders: dict[str, Path], tmp_path: Path) -> None:
    pair = (family_folders["sd-1"], tuned(load_base(family_folders["sd-1"]), tmp_path / "tuned", others=True))
    recorder = Recorder()
    result = extracted(pair, tmp_path / "file.safetensors", LowRankSize(rank=2, bytes=None), recorder=recorder)
    assert result.left_out.tensors == 2 and 0 < result.left_out.share < 1
    (told,) = [event.text for event in recorder.events if isinstance(event, LogEvent)]
    assert told.startswith("2 differing tensors")


def test_bases_that_cannot_be_compared_are_refused(family_folders: dict[str, Path], tmp_path: Path) -> None:
    wider = ARCHITECTURES["sd-1"]
    other = make_base(tmp_path / "wide", 1, type(wider)(**{**_fields(wider), "unet_channels": (16, 16, 16, 32)}))
    epsilon = type(wider)(**{**_fields(ARCHITECTURES["sd-2"]), "prediction": "epsilon"})
    path, rank = tmp_path / "file.safetensors", LowRankSize(rank=2, bytes=None)
    for before, after, code in (
        (family_folders["sd-1"], family_folders["sdxl"], "family-mismatch"),
        (family_folders["sd-1"], other, "layout-mismatch"),
        (family_folders["sd-2"], make_base(tmp_path / "epsilon", 1, epsilon), "prediction-mismatch"),
    ):
        with pytest.raises(ArtefactError) as caught:
            extracted((before, after), path, rank)
        assert caught.value.code == code and not path.exists()
    with pytest.raises(ConfigError) as same:
        extracted((family_folders["sd-1"], family_folders["sd-1"]), path, rank)
    assert same.value.code == "no-difference" and not path.exists()


def _fields(architecture: object) -> dict[str, object]:
    return {name: getattr(architecture, name) for name in architecture.__struct_fields__}  # type: ignore[attr-defined]


def test_a_layer_of_one_rank_is_stored_without_loss() -> None:
    before = torch.zeros(6, 4, 3, 3)
    column, row = torch.arange(6.0) + 1, torch.linspace(-1, 1, 36)
    layer = ChangedLayer("layer", before, torch.outer(column, row).view_as(before))
    found = low_rank_difference([layer], LowRankSize(rank=1, bytes=None), "float32", {}, lambda *_: None)
    product = found.tensors["layer.lora_up.weight"].flatten(1) @ found.tensors["layer.lora_down.weight"].flatten(1)
    assert torch.allclose(product.view_as(before), layer.after, atol=1e-5)
    assert found.relative_error < 1e-5 and found.ranks == {"layer": 1}


def test_the_size_of_a_file_is_never_reckoned_too_small(pairs: dict[str, tuple[Path, Path]], tmp_path: Path) -> None:
    path = tmp_path / "file.safetensors"
    result = extracted(pairs["sdxl"], path, LowRankSize(rank=5, bytes=None), "float16")
    shapes = {name: tuple(tensor.shape) for name, tensor in read_tensors(path).items()}
    reckoned = file_bytes(shapes, "float16", read_metadata(path))
    assert result.file.bytes <= reckoned < 1.05 * result.file.bytes
