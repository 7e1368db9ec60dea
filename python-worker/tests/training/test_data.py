"""Reading datasets and images."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from phalanx_worker.errors import DatasetError
from phalanx_worker.protocol.messages import DatasetItem
from phalanx_worker.streams import Streams
from phalanx_worker.training import images
from phalanx_worker.training.data import EpochOrder, PixelStore, image_files, read_dataset
from phalanx_worker.training.images import CoverCrop, decode_image
from phalanx_worker.training.view import View
from tests.small import make_dataset, write_manifest


def item(file: str, data: bytes) -> DatasetItem:
    return DatasetItem(
        file=file,
        sha256=hashlib.sha256(data).hexdigest(),
        caption="",
        width=16,
        height=16,
        fingers=None,
        defect=None,
        control=None,
        mask=None,
        repeats=1,
    )


def png(mode: str = "RGB", size: tuple[int, int] = (16, 16), color: object = 0) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size, color).save(stream, "PNG")  # type: ignore[arg-type]
    return stream.getvalue()


def decode(tmp_path: Path, data: bytes, transform: CoverCrop | None = None) -> np.ndarray[tuple[int, ...], np.dtype]:
    (tmp_path / "image").write_bytes(data)
    return decode_image(tmp_path / "image", hashlib.sha256(data).hexdigest(), transform or CoverCrop(8, 8))


def test_a_manifest_is_read(tmp_path: Path) -> None:
    assert [entry.file for entry in read_dataset(make_dataset(tmp_path / "a", 3))] == ["0.png", "1.png", "2.png"]


@pytest.mark.parametrize(
    ("content", "code"),
    [(b'{"file": 1}\n', "broken-manifest"), (b"\xff\n", "broken-manifest"), (b"\n", "empty-dataset")],
)
def test_a_broken_manifest_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    reference = make_dataset(tmp_path / "a", 1)
    Path(reference.manifest).write_bytes(content)
    changed = msgspec.structs.replace(reference, sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(DatasetError) as caught:
        read_dataset(changed)
    assert caught.value.code == code


def test_a_changed_manifest_is_refused(tmp_path: Path) -> None:
    reference = make_dataset(tmp_path / "a", 1)
    with Path(reference.manifest).open("ab") as stream:
        stream.write(b"\n")
    with pytest.raises(DatasetError) as caught:
        read_dataset(reference)
    assert caught.value.code == "changed-manifest"


@pytest.mark.parametrize("file", ["../secret.png", "/etc/passwd"])
def test_files_outside_the_root_are_refused(tmp_path: Path, file: str) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(DatasetError) as caught:
        read_dataset(write_manifest(tmp_path / "a", [item(file, b"")]))
    assert caught.value.code == "path-outside"


def test_missing_and_changed_images_are_refused(tmp_path: Path) -> None:
    items = (item("gone.png", b""), item("other.png", b"was"))
    (tmp_path / "other.png").write_bytes(png())
    store = PixelStore(image_files(str(tmp_path), items, CoverCrop(8, 8)))
    for index, code in enumerate(("missing-image", "changed-image")):
        with pytest.raises(DatasetError) as caught:
            store.pixels(index)
        assert caught.value.code == code


@pytest.mark.parametrize("data", [b"", b"not an image", png()[:40], png(size=(300, 300), color=(9, 9, 9))[:-30]])
def test_broken_images_are_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(DatasetError) as caught:
        decode(tmp_path, data)
    assert caught.value.code == "broken-image"


@pytest.mark.parametrize("side", [101, 300])
def test_a_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: int) -> None:
    monkeypatch.setattr(images, "LARGEST_PIXELS", 10_000)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20_000)
    with pytest.raises(DatasetError) as caught:
        decode(tmp_path, png("1", (side, side)))
    assert caught.value.code == "image-too-large"


def test_an_image_covers_the_size_and_is_cropped_at_the_centre(tmp_path: Path) -> None:
    wide = np.zeros((8, 24, 3), dtype=np.uint8)
    wide[:, 8:16] = (200, 100, 50)
    stream = io.BytesIO()
    Image.fromarray(wide).save(stream, "PNG")
    assert (decode(tmp_path, stream.getvalue()) == (200, 100, 50)).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_stands_as_its_camera_said(tmp_path: Path, orientation: int) -> None:
    # The standard's drawing of an F, EXIF 2.32: where row 0 and column 0 of the file lie in the picture.
    upright = np.zeros((16, 8, 3), np.uint8)
    upright[:, :2] = upright[:2] = upright[6:8, :6] = 255
    turns = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.transpose(1, 0, 2), 6: np.rot90(upright, 1), 7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }  # fmt: skip
    facts = Image.Exif()
    facts[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(turns[orientation])).save(tmp_path / "turned.png", exif=facts)
    pixels = images.read_image(tmp_path / "turned.png", np.asarray)
    assert np.array_equal(pixels, upright)


def test_facts_that_cannot_be_read_spoil_no_picture(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8, 3), 9, np.uint8)).save(tmp_path / "image.png", exif=b"Exif\0\0nonsense")
    assert (images.read_image(tmp_path / "image.png", np.asarray) == 9).all()


def test_transparency_shows_white(tmp_path: Path) -> None:
    assert (decode(tmp_path, png("RGBA", color=(1, 2, 3, 0))) == 255).all()


def test_every_mode_becomes_rgb(tmp_path: Path) -> None:
    for mode in ("L", "P", "LA", "I;16", "1"):
        assert decode(tmp_path, png(mode)).shape == (8, 8, 3)


def test_mirrored_pixels_are_mirrored(tmp_path: Path) -> None:
    reference = make_dataset(tmp_path / "a", 1)
    store = PixelStore(image_files(reference.root, read_dataset(reference), CoverCrop(16, 16)))
    assert np.array_equal(store.pixels(0, View(flipped=True))[:, ::-1], store.pixels(0))


@given(st.integers(0, 1000), st.integers(1, 20), st.integers(0, 5))
def test_an_epoch_visits_every_item_once(seed: int, length: int, epoch: int) -> None:
    order = EpochOrder(Streams(seed), length)
    visited = [order.item(position) for position in range(epoch * length, (epoch + 1) * length)]
    assert sorted(visited) == list(range(length))
    assert EpochOrder(Streams(seed), length).item(epoch * length) == visited[0]
