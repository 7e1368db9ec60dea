"""Whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from phalanx_worker.artefacts.atomic import whole_file, whole_folder
from phalanx_worker.artefacts.lock import locked_folder
from phalanx_worker.errors import ArtefactError


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "target"
    with whole_folder(target) as folder:
        (folder / "a").write_text("new")
        assert not target.exists()
    assert (target / "a").read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt()])
def test_a_failure_leaves_the_former_content(tmp_path: Path, error: BaseException) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target/a").write_text("former")
    (tmp_path / "file").write_text("former")
    with pytest.raises(type(error)), whole_folder(tmp_path / "target") as folder:
        (folder / "a").write_text("new")
        raise error
    with pytest.raises(type(error)), whole_file(tmp_path / "file") as file:
        file.write_text("new")
        raise error
    assert (tmp_path / "target/a").read_text() == (tmp_path / "file").read_text() == "former"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "target"]


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError) as caught, whole_file(tmp_path / "file") as file:
        file.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.code == "disk-full"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_held_by_one(tmp_path: Path) -> None:
    with locked_folder(tmp_path):
        with pytest.raises(ArtefactError) as caught, locked_folder(tmp_path):
            pass
        assert caught.value.code == "folder-in-use"
    with locked_folder(tmp_path):
        pass
