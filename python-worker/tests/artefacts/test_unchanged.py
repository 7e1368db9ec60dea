"""Files that become others while they are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from phalanx_worker.artefacts.unchanged import unchanged
from phalanx_worker.errors import ArtefactError


def change(path: Path, how: str) -> None:
    if how == "grown":
        path.write_text("abc")
    elif how == "gone":
        path.unlink()
    else:
        # As editors and downloaders do it.
        (path.parent / "other").write_text("xy")
        (path.parent / "other").replace(path)


@pytest.mark.parametrize("how", ["grown", "gone", "replaced"])
@pytest.mark.parametrize("fails", [False, True])
def test_a_change_is_told_also_when_reading_fails_of_it(tmp_path: Path, how: str, fails: bool) -> None:
    path = tmp_path / "a"
    path.write_text("ab")
    with pytest.raises(ArtefactError) as caught, unchanged([path]):
        change(path, how)
        if fails:
            raise ValueError("half of each")
    assert (caught.value.code, caught.value.retryable) == ("changed-file", True)


def test_without_a_change_errors_pass_and_missing_files_may_stay_missing(tmp_path: Path) -> None:
    with unchanged([tmp_path / "none"]):
        pass
    with pytest.raises(KeyError), unchanged([tmp_path / "none"]):
        raise KeyError
