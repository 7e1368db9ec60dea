"""Shared by all tests: one thread, one small base, one small dataset."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

os.environ["HF_HUB_OFFLINE"] = "1"
# A busy machine is no failure.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random base; tests must not change it."""
    from tests.small import make_base

    return make_base(tmp_path_factory.mktemp("base") / "base")


@pytest.fixture(scope="session")
def family_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small random base of each family; tests must not change them."""
    from tests.small import ARCHITECTURES, make_base

    parent = tmp_path_factory.mktemp("families")
    return {family: make_base(parent / family, 1, item) for family, item in ARCHITECTURES.items()}


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """Seven small images; tests must not change them."""
    from tests.small import make_dataset

    return make_dataset(tmp_path_factory.mktemp("dataset") / "images")
