"""Embedding files: every layout gives the same vectors, and no file gives more than a typed error."""

from __future__ import annotations

import io
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from phalanx_worker.artefacts.torch_archive import LARGEST_ARCHIVE
from phalanx_worker.errors import ArtefactError, ConfigError
from phalanx_worker.model.adapter_file import read_adapter
from phalanx_worker.model.adapters import applied
from phalanx_worker.model.embedding_file import EmbeddingFile
from phalanx_worker.model.load import load_base
from tests.drawing import drawn, drawn_by_diffusers, largest_difference, pipeline, request, sampling
from tests.small import adapter_reference

VECTORS = torch.linspace(-2, 2, 32).view(2, 16)
WEB_UI = {"string_to_token": {"*": 265}, "name": "five", "step": 5000, "sd_checkpoint": None, "lr": 5e-3}
A1111: dict[str, Any] = {**WEB_UI, "string_to_param": {"*": VECTORS}}
HEALTH = [HealthCheck.function_scoped_fixture]


def saved(value: object, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


LAYOUTS: dict[str, Callable[[Path], None]] = {
    "diffusers.safetensors": lambda path: save_file({"<five>": VECTORS}, path),
    "diffusers.bin": lambda path: torch.save({"<five>": VECTORS}, path),
    "<five>.safetensors": lambda path: save_file({"emb_params": VECTORS}, path),
    "kohya/<five>.pt": lambda path: torch.save({"emb_params": VECTORS}, path),
    "<five>.pt": lambda path: torch.save(A1111, path),
    "parameter/<five>.pt": lambda path: torch.save(
        {**WEB_UI, "string_to_param": {"*": torch.nn.Parameter(VECTORS)}}, path
    ),
    "former/<five>.pt": lambda path: torch.save(
        {
            "string_to_token": {"*": torch.tensor(265)},
            "string_to_param": torch.nn.ParameterDict({"*": torch.nn.Parameter(VECTORS)}),
        },
        path,
    ),
    "part/<five>.pt": lambda path: torch.save({"emb_params": torch.cat([VECTORS * 3, VECTORS])[2:]}, path),
    "turned/<five>.pt": lambda path: torch.save({"emb_params": VECTORS.t().contiguous().t()}, path),
    "double/<five>.pt": lambda path: torch.save({"emb_params": VECTORS.double()}, path),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_vectors(tmp_path: Path, layout: str) -> None:
    path = tmp_path / layout
    path.parent.mkdir(exist_ok=True)
    LAYOUTS[layout](path)
    found = read_adapter(path)
    assert isinstance(found, EmbeddingFile)
    assert found.tokens.keys() == {"<five>"}
    assert torch.equal(found.tokens["<five>"]["text_encoder"], VECTORS)


@pytest.mark.parametrize("layout", ["diffusers.safetensors", "diffusers.bin", "<five>.pt"])
def test_diffusers_draws_the_same_with_a_file_of_the_community(base_folder: Path, tmp_path: Path, layout: str) -> None:
    path = tmp_path / layout
    LAYOUTS[layout](path)
    requests = [request("a photo of a <five>, a fist", 1, "<five>")]
    with applied(load_base(base_folder), [adapter_reference(file=str(path), strength=1.0)]) as changed:
        ours = drawn(changed, requests, sampling())
    made = pipeline(base_folder)
    made.load_textual_inversion(str(path), token="<five>")
    # The same numbers added in another order.
    assert largest_difference(ours, drawn_by_diffusers(made, requests, sampling())) <= 1


def test_numbers_in_half_precision_are_read(tmp_path: Path) -> None:
    for dtype in (torch.float16, torch.bfloat16):
        torch.save({"<five>": VECTORS.to(dtype)}, tmp_path / "x.pt")
        found = read_adapter(tmp_path / "x.pt")
        assert isinstance(found, EmbeddingFile)
        assert torch.equal(found.tokens["<five>"]["text_encoder"], VECTORS.to(dtype).float())


def test_a_token_called_by_its_file_must_be_one_word(base_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad hands.pt"
    torch.save(A1111, path)
    with (
        pytest.raises(ConfigError) as caught,
        applied(load_base(base_folder), [adapter_reference(str(path), 1.0)]),
    ):
        pass
    assert caught.value.code == "invalid-placeholder"
    assert "a file with another name" in str(caught.value)


def test_sdxl_files_have_vectors_for_both_encoders(tmp_path: Path) -> None:
    both = {"clip_l": torch.ones(3, 768), "clip_g": torch.zeros(3, 1280)}
    save_file(both, tmp_path / "bad.safetensors")
    torch.save(both, tmp_path / "bad.pt")
    for name in ("bad.safetensors", "bad.pt"):
        found = read_adapter(tmp_path / name)
        assert isinstance(found, EmbeddingFile)
        assert {encoder: tuple(item.shape) for encoder, item in found.tokens["bad"].items()} == {
            "text_encoder": (3, 768),
            "text_encoder_2": (3, 1280),
        }


class Payload:
    """Runs a function of its choice when it is unpickled."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self._call


def bad_files(canary: Path) -> dict[str, tuple[bytes, str, str]]:
    """By name: content, code, and part of the message."""
    touch = Payload(open, str(canary), "w")
    plain = saved(A1111)
    return {
        "payload": (saved({**A1111, "name": touch}), "pickled-file", "io.open"),
        "eval": (saved({**A1111, "name": Payload(eval, f"open({str(canary)!r}, 'w')")}), "pickled-file", "eval"),
        "key": (saved({("a", 1): VECTORS}), "pickled-file", "key"),
        "bare payload": (pickle.dumps(touch, 2), "pickled-file", "before 1.6"),
        "newer bare payload": (pickle.dumps(touch, 4), "broken-file", "zip"),
        "legacy": (saved(A1111, _use_new_zipfile_serialization=False), "pickled-file", "before 1.6"),
        "module": (saved(torch.nn.Linear(2, 2)), "pickled-file", "Linear"),
        "empty": (b"", "broken-file", "zip"),
        "cut off": (plain[:-30], "broken-file", "zip"),
        "other archive": (zipped({"a.txt": b"a"}), "broken-file", "0 pickles"),
        "two pickles": (zipped({"a/data.pkl": b"", "b/data.pkl": b""}), "broken-file", "2 pickles"),
        "compressed": (zipped({"a/data.pkl": b"N."}, zipfile.ZIP_DEFLATED), "broken-file", "compressed"),
        "many parts": (zipped({f"a/{index}": b"" for index in range(300)}), "broken-file", "300 parts"),
        "big-endian": (changed(plain, "byteorder", b"big"), "broken-file", "little-endian"),
        "numbers missing": (changed(plain, "data/0", None), "broken-file", "data/0"),
        "numbers too few": (changed(plain, "data/0", b"\0" * 8), "broken-file", "8 bytes"),
        "protocol 4": (saved(A1111, pickle_protocol=4), "pickled-file", "instruction"),
        "a list": (saved([VECTORS]), "unsupported-adapter", "no dictionary"),
        "no tensor": (saved({"a": 1}), "unsupported-adapter", "'a' is no tensor"),
        "two params": (saved({"string_to_param": {"*": VECTORS, "+": VECTORS}}), "unsupported-adapter", "one tensor"),
        "integers": (saved({"<five>": torch.ones(1, 16, dtype=torch.int64)}), "unsupported-adapter", "int64"),
        "not finite": (saved({"<five>": torch.full((1, 16), torch.nan)}), "broken-adapter", "not finite"),
        "whole model": (saved({"a.weight": VECTORS, "b.weight": VECTORS}), "unsupported-adapter", "2 tensors"),
        "beyond": (rewritten(plain, b"K\x10K\x01\x86", b"K\x10K\xf0\x86"), "broken-file", "beyond"),
        "repeated": (rewritten(plain, b"K\x02K\x10\x86", b"K\xf0K\xf0\x86"), "broken-file", "beyond"),
    }


def zipped(parts: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def parts_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def changed(content: bytes, end: str, part: bytes | None) -> bytes:
    """An archive with another part, or without it."""
    parts = parts_of(content)
    (name,) = (item for item in parts if item.endswith(f"/{end}"))
    return zipped({item: part if item == name else old for item, old in parts.items() if part or item != name})  # type: ignore[misc]


def rewritten(content: bytes, old: bytes, new: bytes) -> bytes:
    """An archive whose pickle has other instructions."""
    before = next(part for name, part in parts_of(content).items() if name.endswith("data.pkl"))
    assert before.count(old) == 1
    return changed(content, "data.pkl", before.replace(old, new))


@pytest.mark.parametrize("name", bad_files(Path("x")))
def test_bad_files_are_refused_and_run_nothing(tmp_path: Path, name: str) -> None:
    canary = tmp_path / "canary"
    content, code, told = bad_files(canary)[name]
    path = tmp_path / "x.pt"
    path.write_bytes(content)
    with pytest.raises(ArtefactError) as caught:
        read_adapter(path)
    assert caught.value.code == code
    assert told in str(caught.value)
    assert not canary.exists()


def test_the_canary_would_show_a_reader_that_runs_payloads(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    torch.load(io.BytesIO(bad_files(canary)["payload"][0]), weights_only=False)
    assert canary.exists()


def test_missing_and_oversized_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError) as caught:
        read_adapter(tmp_path / "none.pt")
    assert caught.value.code == "missing-file"
    with (tmp_path / "large.pt").open("wb") as stream:
        stream.truncate(LARGEST_ARCHIVE + 1)
    with pytest.raises(ArtefactError) as caught:
        read_adapter(tmp_path / "large.pt")
    assert caught.value.code == "oversized-file"


def typed_or_vectors(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        found = read_adapter(path)
    except ArtefactError:
        return
    assert isinstance(found, EmbeddingFile)


@given(content=st.binary(max_size=400))
@hypothesis_settings(max_examples=150, suppress_health_check=HEALTH)
def test_any_pickle_gives_vectors_or_a_typed_error(content: bytes, tmp_path: Path) -> None:
    typed_or_vectors(tmp_path / "x.pt", content)
    typed_or_vectors(tmp_path / "x.pt", changed(saved(A1111), "data.pkl", content or b"."))


@given(seed=st.integers(0, 2**32), count=st.integers(1, 6))
@hypothesis_settings(max_examples=300, suppress_health_check=HEALTH)
def test_damage_to_a_good_pickle_gives_vectors_or_a_typed_error(seed: int, count: int, tmp_path: Path) -> None:
    draws = random.Random(seed)
    good = saved(A1111)
    before = next(part for name, part in parts_of(good).items() if name.endswith("data.pkl"))
    for whole in (bytearray(good), bytearray(before)):
        is_pickle = len(whole) == len(before)
        for _ in range(count):
            whole[draws.randrange(len(whole))] = draws.randrange(256)
        typed_or_vectors(tmp_path / "x.pt", changed(good, "data.pkl", bytes(whole)) if is_pickle else bytes(whole))


# Instructions in any order reach the states that damaged bytes seldom do.
OPCODES = [b"(", b")", b"]", b"}", b"N", b"\x88", b"K\x01", b"K\x00", b"q\x00", b"h\x00", b"t", b"\x85", b"\x86",
           b"\x87", b"a", b"e", b"s", b"u", b"R", b"\x81", b"b", b"Q", b"X\x01\x00\x00\x00a",
           b"X\x07\x00\x00\x00storage", b"ctorch\nFloatStorage\n", b"X\x01\x00\x00\x000",
           b"ccollections\nOrderedDict\n", b"c__builtin__\nset\n", b"ctorch._utils\n_rebuild_tensor_v2\n",
           b"ctorch._utils\n_rebuild_parameter\n", b"ctorch.nn.modules.container\nParameterDict\n"]  # fmt: skip


@given(instructions=st.lists(st.sampled_from(OPCODES), max_size=40))
@hypothesis_settings(max_examples=600, suppress_health_check=HEALTH)
def test_any_known_instructions_give_vectors_or_a_typed_error(instructions: list[bytes], tmp_path: Path) -> None:
    pickled = b"\x80\x02" + b"".join(instructions) + b"."
    typed_or_vectors(tmp_path / "x.pt", changed(saved(A1111), "data.pkl", pickled))


@given(rows=st.integers(1, 4), width=st.integers(1, 64), half=st.booleans(), turned=st.booleans())
@hypothesis_settings(max_examples=40, suppress_health_check=HEALTH)
def test_whatever_torch_saves_comes_back(rows: int, width: int, half: bool, turned: bool, tmp_path: Path) -> None:
    vectors = torch.from_numpy(np.random.default_rng(rows * width).standard_normal((rows, width), np.float32))
    vectors = vectors.half() if half else vectors
    vectors = vectors.t().contiguous().t() if turned else vectors
    (tmp_path / "x.pt").write_bytes(saved({"string_to_param": {"*": vectors}}))
    found = read_adapter(tmp_path / "x.pt")
    assert isinstance(found, EmbeddingFile)
    assert torch.equal(found.tokens["x"]["text_encoder"], vectors.float())
