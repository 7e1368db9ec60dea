"""The cache of latents."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from phalanx_worker.model.base import Base
from phalanx_worker.model.load import load_base
from phalanx_worker.protocol.messages import DatasetReference, TrainingSubset
from phalanx_worker.training import latents
from phalanx_worker.training.data import PixelStore, image_files, read_dataset
from phalanx_worker.training.images import CoverCrop
from phalanx_worker.training.latents import LatentCache, Posterior, latent_keys, to_tensor
from tests.small import subset


@pytest.fixture(scope="module")
def base(base_folder: Path) -> Base:
    return load_base(base_folder)


def store(dataset: DatasetReference, side: int = 16) -> PixelStore:
    return PixelStore(image_files(dataset.root, read_dataset(dataset), CoverCrop(side, side)))


def subsets(flip: bool = False) -> list[TrainingSubset]:
    """Of seven images."""
    return [subset(DatasetReference(root="", manifest="", sha256=""), flip=flip)] * 7


def fill(base: Base, folder: Path, pixels: PixelStore, flip: bool = False) -> dict[str, Posterior]:
    keys = list(latent_keys(base, pixels, subsets(flip)).values())
    return LatentCache(folder, {}).fill(base, pixels, keys, lambda *_: None, warnings.append)


warnings: list[str] = []


def test_keys_follow_content(base: Base, base_folder: Path, dataset: DatasetReference) -> None:
    plain = {key.text for key in latent_keys(base, store(dataset), subsets()).values()}
    both = {key.text for key in latent_keys(base, store(dataset), subsets(True)).values()}
    other_size = {key.text for key in latent_keys(base, store(dataset, 32), subsets()).values()}
    changed = load_base(base_folder)
    with torch.no_grad():
        next(changed.autoencoder.parameters()).add_(1e-3)
    other_encoder = {key.text for key in latent_keys(changed, store(dataset), subsets()).values()}
    assert len(plain) == 7 and len(both) == 14 and plain < both
    assert plain.isdisjoint(other_size) and plain.isdisjoint(other_encoder)


def test_a_second_job_reads_what_the_first_computed(
    base: Base, dataset: DatasetReference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = fill(base, tmp_path, store(dataset), flip=True)
    monkeypatch.setattr(latents, "encode", None)
    second = fill(base, tmp_path, store(dataset), flip=True)
    assert first.keys() == second.keys() and len(first) == 14
    assert all(torch.equal(first[key].mean, second[key].mean) for key in first)
    assert all(torch.equal(first[key].deviation, second[key].deviation) for key in first)


def test_a_latent_is_that_of_its_image_alone(base: Base, dataset: DatasetReference, tmp_path: Path) -> None:
    pixels = store(dataset)
    keys = latent_keys(base, pixels, subsets())
    together = fill(base, tmp_path / "a", pixels)
    alone = LatentCache(tmp_path / "b", {}).fill(base, pixels, [keys[4, False]], lambda *_: None, warnings.append)
    key = keys[4, False].text
    assert torch.equal(alone[key].mean, together[key].mean)
    with torch.no_grad():
        reference = base.autoencoder.encode(to_tensor([pixels.pixels(4)])).latent_dist
    torch.testing.assert_close(together[key].mean, reference.mean[0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(together[key].deviation, reference.std[0], rtol=1e-5, atol=1e-5)


def test_memory_beyond_the_budget_goes_to_the_present_job(
    base: Base, dataset: DatasetReference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latents, "LATENT_MEMORY", 0)
    pixels = store(dataset)
    memory: dict[str, Posterior] = {}
    cache = LatentCache(tmp_path, memory)
    keys = latent_keys(base, pixels, subsets(True))
    for flipped in (False, True):
        wanted = [keys[index, flipped] for index in range(7)]
        found = cache.fill(base, pixels, wanted, lambda *_: None, warnings.append)
        assert found.keys() == memory.keys() == {key.text for key in wanted}


def test_a_broken_shard_is_computed_anew(base: Base, dataset: DatasetReference, tmp_path: Path) -> None:
    first = fill(base, tmp_path, store(dataset))
    (shard,) = tmp_path.glob("*.safetensors")
    shard.write_bytes(shard.read_bytes()[:-5])
    warnings.clear()
    second = fill(base, tmp_path, store(dataset))
    assert len(warnings) == 1
    assert all(torch.equal(first[key].mean, second[key].mean) for key in first)
