"""safetensors files: read with every doubt cleared, written whole."""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from phalanx_worker.artefacts.atomic import whole_file
from phalanx_worker.errors import ArtefactError

LARGEST_HEADER = 100_000_000
BYTES_PER_ELEMENT = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a file, in their stored type.

    Raises ArtefactError: `missing-file`, `pickled-file` (whatever its name says), `broken-file` (cut off, or a
    header that does not describe the bytes after it).
    """
    check_tensor_file(path)
    try:
        tensors: dict[str, Tensor] = load_file(path)
        return tensors
    except Exception as error:
        raise _broken(path, str(error)) from error


def read_metadata(path: Path) -> dict[str, str]:
    """The free text fields of a file's header; raises as `read_tensors`."""
    metadata = check_tensor_file(path).get("__metadata__", {})
    if not isinstance(metadata, dict):
        raise _broken(path, "its metadata is not an object")
    return {str(key): str(value) for key, value in metadata.items()}


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write a file whole or not at all. Raises ArtefactError (`disk-full`)."""
    with whole_file(path) as temporary:
        save_tensors(temporary, tensors, metadata)


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write a file in place, for use inside a folder that is itself written whole."""
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    save_file(plain, path, dict(metadata or {}))
    _sort_header(path)


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
    end = max((_end_of(path, name, entry) for name, entry in header.items() if name != "__metadata__"), default=0)
    stored = size - 8 - length
    if end != stored:
        raise _broken(path, f"its tensors end at byte {end} of {stored}: it was cut off or altered")
    return header


def _end_of(path: Path, name: str, entry: object) -> int:
    if not isinstance(entry, dict):
        raise _broken(path, f"tensor {name!r} is not described")
    shape, offsets, kind = entry.get("shape"), entry.get("data_offsets"), entry.get("dtype")
    if (
        not (isinstance(shape, list) and all(type(side) is int and side >= 0 for side in shape))
        or not (isinstance(offsets, list) and len(offsets) == 2 and all(type(item) is int for item in offsets))
        or kind not in BYTES_PER_ELEMENT
    ):
        raise _broken(path, f"tensor {name!r} has no valid shape, place or type")
    begin, end = offsets
    if begin < 0 or end - begin != math.prod(shape) * BYTES_PER_ELEMENT[kind]:
        raise _broken(path, f"tensor {name!r} does not fill its place")
    return int(end)


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
