"""Hostile and broken safetensors files."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phalanx_worker.artefacts import tensors as tensor_files
from phalanx_worker.artefacts.tensors import read_metadata, read_tensors, tensors_sha256, write_tensors
from phalanx_worker.errors import ArtefactError


def code_of(path: Path) -> str:
    with pytest.raises(ArtefactError) as caught:
        read_tensors(path)
    return caught.value.code


def with_header(path: Path, header: object, data: bytes = b"") -> Path:
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def entry(shape: object, offsets: object, kind: object = "F32") -> dict[str, object]:
    return {"dtype": kind, "shape": shape, "data_offsets": offsets}


def test_a_file_comes_back(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.float16)}
    write_tensors(tmp_path / "a.safetensors", tensors, {"name": "x"})
    found = read_tensors(tmp_path / "a.safetensors")
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())
    assert read_metadata(tmp_path / "a.safetensors") == {"name": "x"}
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_pickles_are_refused_by_content(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "zip.safetensors")
    torch.save({"a": torch.ones(2)}, tmp_path / "old.safetensors", _use_new_zipfile_serialization=False)
    (tmp_path / "plain.safetensors").write_bytes(pickle.dumps({"a": 1}, protocol=2))
    for path in tmp_path.iterdir():
        assert code_of(path) == "pickled-file"


@pytest.mark.parametrize(
    ("header", "data"),
    [
        ([], b""),
        ({"a": entry([2], [0, 8])}, b"1234"),
        ({"a": entry([2], [0, 8])}, b"12345678more"),
        ({"a": entry([3], [0, 8])}, b"12345678"),
        ({"a": entry([-2, -1], [0, 8])}, b"12345678"),
        ({"a": entry([2], [-8, 0])}, b"12345678"),
        ({"a": entry([2], [0, 8], "PICKLE")}, b"12345678"),
        ({"a": entry([2**40, 2**40], [0, 8])}, b"12345678"),
        ({"a": entry([True], [0, 4])}, b"1234"),
        ({"a": 5}, b""),
        ({"a": entry([2], [0, 8]), "b": entry([1], [4, 8])}, b"12345678"),
    ],
)
def test_hostile_headers_are_refused(tmp_path: Path, header: object, data: bytes) -> None:
    assert code_of(with_header(tmp_path / "a.safetensors", header, data)) == "broken-file"


@pytest.mark.parametrize("data", [b"", b"123", (2**62).to_bytes(8, "little") + b"{}", b"\2\0\0\0\0\0\0\0{"])
def test_cut_headers_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(data)
    assert code_of(tmp_path / "a.safetensors") == "broken-file"


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert code_of(tmp_path / "gone.safetensors") == "missing-file"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_no_cut_and_no_noise_gets_through_unseen(tmp_path: Path, data: st.DataObject) -> None:
    whole = tmp_path / "whole.safetensors"
    write_tensors(whole, {"a": torch.arange(5.0), "b": torch.ones(3)})
    content = whole.read_bytes()
    cut = data.draw(st.integers(0, len(content) - 1))
    (tmp_path / "cut.safetensors").write_bytes(content[:cut])
    assert code_of(tmp_path / "cut.safetensors") == "broken-file"
    (tmp_path / "noise.safetensors").write_bytes(data.draw(st.binary(max_size=200)))
    assert code_of(tmp_path / "noise.safetensors") in ("broken-file", "pickled-file")


def test_the_identity_covers_names_types_shapes_and_bytes() -> None:
    one = torch.arange(4.0)
    variants = [{"a": one}, {"b": one}, {"a": one.half()}, {"a": one.reshape(2, 2)}, {"a": one + 1}]
    assert len({tensors_sha256(variant) for variant in variants}) == len(variants)
    assert tensors_sha256({"a": one, "b": one + 1}) == tensors_sha256({"b": one + 1, "a": one.clone()})


def test_equal_tensors_and_metadata_give_equal_files(tmp_path: Path) -> None:
    metadata = {f"field {index}": 'ü\n\x01"' * index for index in range(20)}
    for index in range(4):
        write_tensors(tmp_path / str(index), {"b": torch.zeros(3), "a": torch.ones(2, 5)}, metadata)
    assert len({(tmp_path / str(index)).read_bytes() for index in range(4)}) == 1
    assert read_metadata(tmp_path / "0") == metadata
    assert torch.equal(read_tensors(tmp_path / "0")["a"], torch.ones(2, 5))


@pytest.mark.parametrize("kind", [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.bool])
def test_every_type_and_shape_comes_back(tmp_path: Path, kind: torch.dtype) -> None:
    tensors = {"a": torch.arange(6).reshape(2, 3).to(kind), "b": torch.ones((), dtype=kind), "c": torch.ones(0, 4)}
    write_tensors(tmp_path / "a.safetensors", tensors)
    found = read_tensors(tmp_path / "a.safetensors")
    assert all(torch.equal(found[name], item) and found[name].dtype == item.dtype for name, item in tensors.items())


def test_what_becomes_of_a_file_later_does_not_reach_its_tensors(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_tensors(path, {"a": torch.ones(100_000)})
    tensors = read_tensors(path)
    with path.open("r+b") as stream:
        stream.seek(-4_000, os.SEEK_END)
        stream.write(bytes(4_000))
    # With a mapped file this would be the end of the process.
    os.truncate(path, 100)
    assert float(tensors["a"].sum()) == 100_000


@pytest.mark.parametrize("fault", ["number", "type", "missing", "more", "metadata"])
def test_a_file_that_holds_something_else_than_was_written_never_takes_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    plain = tensor_files.save_file

    def save(tensors: dict[str, torch.Tensor], path: Path, metadata: Mapping[str, str]) -> None:
        changed = {
            "number": {**tensors, "a": tensors["a"] + torch.tensor([0.0, 1e-7])},
            "type": {**tensors, "a": tensors["a"].view(torch.int32)},
            "missing": {"b": tensors["b"]},
            "more": {**tensors, "c": torch.ones(1)},
            "metadata": tensors,
        }[fault]
        plain(changed, path, {**metadata, "name": "y"} if fault == "metadata" else dict(metadata))

    monkeypatch.setattr(tensor_files, "save_file", save)
    tensors = {"a": torch.tensor([float("nan"), 0.5]), "b": torch.ones(2)}
    with pytest.raises(ArtefactError) as caught:
        write_tensors(tmp_path / "a.safetensors", tensors, {"name": "x"})
    assert caught.value.code == "written-differently"
    assert not list(tmp_path.iterdir())


def test_tensors_that_overlap_or_leave_a_gap_are_refused(tmp_path: Path) -> None:
    for places in ([[0, 4], [0, 4]], [[0, 4], [8, 12]]):
        header = {str(index): entry([1], place) for index, place in enumerate(places)}
        assert code_of(with_header(tmp_path / "x.safetensors", header, bytes(places[-1][1]))) == "broken-file"
