"""safetensors files: read with every doubt cleared, written whole."""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
from collections.abc import Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from phalanx_worker.artefacts.atomic import whole_file
from phalanx_worker.errors import ArtefactError

LARGEST_HEADER = 100_000_000
METADATA = "__metadata__"
"""The one entry of a header that is no tensor."""
TYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a file, in their stored type, in memory of their own.

    The library's reader maps the file instead: what somebody writes into it later would change the tensors, and
    cutting it off would kill the process.

    Raises ArtefactError: `missing-file`, `pickled-file` (whatever its name says), `broken-file` (cut off, or a
    header that does not describe the bytes after it).
    """
    header = check_tensor_file(path)
    with path.open("rb") as stream:
        start = 8 + int.from_bytes(stream.read(8), "little")
        return {name: _read_tensor(path, stream, start, entry) for name, entry in header.items() if name != METADATA}


def read_metadata(path: Path) -> dict[str, str]:
    """The free text fields of a file's header; raises as `read_tensors`."""
    metadata = check_tensor_file(path).get(METADATA, {})
    if not isinstance(metadata, dict):
        raise _broken(path, "its metadata is not an object")
    return {str(key): str(value) for key, value in metadata.items()}


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write a file whole or not at all. Raises ArtefactError (`disk-full`, `written-differently`)."""
    with whole_file(path) as temporary:
        save_tensors(temporary, tensors, metadata)


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write a file in place, for use inside a folder that is itself written whole, and read it back.

    Raises ArtefactError (`written-differently`).
    """
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    save_file(plain, path, dict(metadata or {}))
    _sort_header(path)
    _compare(path, plain, dict(metadata or {}))


def _compare(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """One tensor at a time, so that a file as large as the memory can be compared."""
    found = read_metadata(path)
    with safe_open(path, "pt") as stored:
        names = set(stored.keys())
        differing = [
            name
            for name, tensor in tensors.items()
            if name not in names or not _same_bits(stored.get_tensor(name), tensor)
        ]
    differing += sorted(names - tensors.keys()) + ([] if found == metadata else ["the metadata"])
    if differing:
        raise ArtefactError(
            f"{path} does not hold what was written to it: {differing[0]} differs. Check the disk, and start the job "
            "again: a training goes on from its last checkpoint.",
            code="written-differently",
            facts={"path": str(path), "differing": len(differing)},
        )


def _same_bits(one: Tensor, other: Tensor) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return torch.equal(one.reshape(-1).view(torch.uint8), other.reshape(-1).view(torch.uint8))


def _sort_header(path: Path) -> None:
    """Bring the header's fields into the order of their names, in place.

    The library writes metadata in an order that changes from call to call, so equal weights would have unequal files.
    """
    with path.open("r+b") as stream:
        length = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(length))
        text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) > length:
            raise ValueError(f"the sorted header of {path} takes {len(text)} bytes, not {length}")
        stream.seek(8)
        stream.write(text.ljust(length))


def tensors_sha256(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes of all tensors, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_tensor_file(path: Path) -> dict[str, object]:
    """The header of a file whose every entry was found to lie within it; raises as `read_tensors`."""
    if not path.is_file():
        raise ArtefactError(f"There is no file {path}.", code="missing-file", facts={"path": str(path)})
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > min(LARGEST_HEADER, size - 8):
            _refuse_pickle(path, start)
            raise _broken(path, f"its header wants {length} bytes of {size}" if len(start) == 8 else "it is too short")
        text = stream.read(length)
    try:
        header = json.loads(text)
    except ValueError as error:
        _refuse_pickle(path, start)
        raise _broken(path, "its header is not JSON") from error
    if not isinstance(header, dict):
        raise _broken(path, "its header is not an object")
    position = 0
    for begin, end in sorted(_place_of(path, name, entry) for name, entry in header.items() if name != METADATA):
        if begin != position:
            raise _broken(path, f"its tensors overlap or leave a gap at byte {position}")
        position = end
    stored = size - 8 - length
    if position != stored:
        raise _broken(path, f"its tensors end at byte {position} of {stored}: it was cut off or altered")
    return header


def _read_tensor(path: Path, stream: BufferedReader, start: int, entry: Any) -> Tensor:
    begin, end = entry["data_offsets"]
    stream.seek(start + begin)
    content = torch.empty(end - begin, dtype=torch.uint8)
    if stream.readinto(content.numpy().data) != end - begin:
        raise _broken(path, "it was cut off while it was read")
    return content.view(TYPES[entry["dtype"]]).reshape(entry["shape"])


def _place_of(path: Path, name: str, entry: object) -> tuple[int, int]:
    if not isinstance(entry, dict):
        raise _broken(path, f"tensor {name!r} is not described")
    shape, offsets, kind = entry.get("shape"), entry.get("data_offsets"), entry.get("dtype")
    if (
        not (isinstance(shape, list) and all(type(side) is int and side >= 0 for side in shape))
        or not (isinstance(offsets, list) and len(offsets) == 2 and all(type(item) is int for item in offsets))
        or kind not in TYPES
    ):
        raise _broken(path, f"tensor {name!r} has no valid shape, place or type")
    begin, end = offsets
    if begin < 0 or end - begin != math.prod(shape) * TYPES[kind].itemsize:
        raise _broken(path, f"tensor {name!r} does not fill its place")
    return int(begin), int(end)


def _refuse_pickle(path: Path, start: bytes) -> None:
    if start[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05") or zipfile.is_zipfile(path):
        raise ArtefactError(
            f"{path} is a pickle, which can run code when it is read, whatever its name says. Convert it in a "
            "place you trust: tensors = torch.load(file, weights_only=True), then "
            "safetensors.torch.save_file(tensors, file).",
            code="pickled-file",
            facts={"path": str(path)},
        )


def _broken(path: Path, why: str) -> ArtefactError:
    return ArtefactError(
        f"{path} is not a whole safetensors file: {why}. Fetch or copy it again.",
        code="broken-file",
        facts={"path": str(path)},
    )
