"""Files that `torch.save` wrote, read without running anything in them."""

from __future__ import annotations

import math
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard

import torch
from torch import Tensor

from phalanx_worker.artefacts.pickle_values import (
    BrokenPickleError,
    Name,
    RefusedPickleError,
    Table,
    read_pickle,
)
from phalanx_worker.errors import ArtefactError

DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, OSError, RuntimeError, OverflowError)
"""What zipfile raises for archives that are cut off, altered, encrypted, or of a kind it does not know."""
LARGEST_ARCHIVE = 64 << 20
"""Bytes; an embedding of 75 vectors for SDXL has less than one million."""
LARGEST_COUNT = 256
"""Parts of an archive; an embedding has about six."""
STORAGES = {
    "torch.FloatStorage": torch.float32,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.DoubleStorage": torch.float64,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
}
PARAMETER_DICT = "torch.nn.modules.container.ParameterDict"


def read_torch_archive(path: Path) -> object:
    """The value in a file of `torch.save`: numbers, text, lists, dictionaries and tensors of the usual types.

    A `ParameterDict` is given as an `Instance`. Raises ArtefactError: `missing-file`, `pickled-file` (a payload, or
    anything else than tensors; the former layout of torch before 1.6, which is no archive), `broken-file` (cut off or
    altered), `oversized-file`.
    """
    if not path.is_file():
        raise ArtefactError(f"There is no file {path}.", code="missing-file", facts={"path": str(path)})
    size = path.stat().st_size
    if size > LARGEST_ARCHIVE:
        raise ArtefactError(
            f"{path} has {size} bytes, more than the {LARGEST_ARCHIVE} that an embedding could need. Use another file.",
            code="oversized-file",
            facts={"path": str(path), "bytes": size, "limit": LARGEST_ARCHIVE},
        )
    with path.open("rb") as stream:
        start = stream.read(4)
    if start[:2] == b"\x80\x02":
        raise _refused(path, "it has the layout of torch before 1.6, which is a bare pickle")
    try:
        with zipfile.ZipFile(path) as archive:
            return _Archive(archive).value()
    except RefusedPickleError as error:
        raise _refused(path, str(error)) from error
    except (BrokenPickleError, *DAMAGE) as error:
        raise _broken(path, str(error)) from error


@dataclass
class _Archive:
    archive: zipfile.ZipFile
    storages: dict[str, Tensor] = field(default_factory=dict)
    read: int = 0

    def value(self) -> object:
        parts = self.archive.infolist()
        if len(parts) > LARGEST_COUNT:
            raise BrokenPickleError(f"it has {len(parts)} parts")
        pickles = [part.filename for part in parts if part.filename.count("/") == 1 and part.filename.endswith(".pkl")]
        if len(pickles) != 1 or not pickles[0].endswith("/data.pkl"):
            raise BrokenPickleError(f"it has {len(pickles)} pickles where torch writes one, data.pkl")
        self.folder = pickles[0].removesuffix("data.pkl")
        order = f"{self.folder}byteorder"
        if order in self.archive.namelist() and self._content(order) != b"little":
            raise BrokenPickleError("its numbers are not little-endian")
        table = Table(
            constants=frozenset(STORAGES),
            functions={
                "collections.OrderedDict": _ordered_dict,
                "__builtin__.set": _empty_set,
                "torch._utils._rebuild_tensor_v2": _tensor,
                "torch._utils._rebuild_parameter": _parameter,
            },
            classes=frozenset({PARAMETER_DICT}),
            persistent=self._storage,
        )
        return read_pickle(self._content(pickles[0]), table)

    def _content(self, name: str) -> bytes:
        part = self.archive.getinfo(name)
        # Parts may overlap, so that the file's size alone is no limit.
        self.read += part.file_size
        if part.compress_type != zipfile.ZIP_STORED or self.read > LARGEST_ARCHIVE:
            raise BrokenPickleError(f"its part {name} is compressed, or too large")
        return self.archive.read(part)

    def _storage(self, key: object) -> object:
        if not isinstance(key, tuple) or len(key) != 5 or key[0] != "storage":
            raise RefusedPickleError("it refers to something that is no storage of numbers")
        _, kind, name, _, count = key
        if not isinstance(kind, Name) or kind.text not in STORAGES or not isinstance(name, str):
            raise RefusedPickleError("it refers to a storage of an unknown type")
        if name not in self.storages:
            part = f"{self.folder}data/{name}"
            if part not in self.archive.namelist():
                raise BrokenPickleError(f"it lacks the numbers {part}")
            content = bytearray(self._content(part))
            dtype = STORAGES[kind.text]
            if type(count) is not int or count < 1 or len(content) != count * dtype.itemsize:
                raise BrokenPickleError(f"{part} has {len(content)} bytes for {count} numbers")
            self.storages[name] = torch.frombuffer(content, dtype=dtype)
        found = self.storages[name]
        if found.dtype != STORAGES[kind.text]:
            raise BrokenPickleError(f"the storage {name} has two types")
        return found


def _ordered_dict(*arguments: object) -> object:
    if arguments:
        raise RefusedPickleError("it makes an ordered dictionary of something")
    return {}


def _empty_set(*arguments: object) -> object:
    if len(arguments) != 1 or not _is_empty(arguments[0], list):
        raise RefusedPickleError("it makes a set of something")
    return None


def _tensor(*arguments: object) -> object:
    if len(arguments) != 6:
        raise RefusedPickleError("it makes a tensor in an unknown way")
    storage, offset, size, stride, _, hooks = arguments
    if not isinstance(storage, Tensor) or not _is_empty(hooks, dict):
        raise RefusedPickleError("it makes a tensor of something else than numbers, or with hooks")
    if not (_are_counts(size) and _are_counts(stride) and _is_count(offset) and len(size) == len(stride)):
        raise BrokenPickleError("a tensor has no valid shape")
    last = offset + sum((side - 1) * step for side, step in zip(size, stride, strict=True))
    # A step of 0 would make much of little.
    if math.prod(size) > len(storage) or (0 not in size and last >= len(storage)):
        raise BrokenPickleError("a tensor reaches beyond its numbers")
    return storage.as_strided(size, stride, offset).clone()


def _parameter(*arguments: object) -> object:
    if len(arguments) != 3 or not isinstance(arguments[0], Tensor) or not _is_empty(arguments[2], dict):
        raise RefusedPickleError("it makes a parameter in an unknown way")
    return arguments[0]


def _is_empty(value: object, kind: type[list[object]] | type[dict[object, object]]) -> bool:
    return isinstance(value, kind) and len(value) == 0


def _are_counts(values: object) -> TypeGuard[tuple[int, ...]]:
    return isinstance(values, tuple) and len(values) <= 8 and all(_is_count(value) for value in values)


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < 1 << 31


def _refused(path: Path, why: str) -> ArtefactError:
    return ArtefactError(
        f"{path} is a pickle that is more than a dictionary of tensors: {why}. It was not run. Use a .safetensors file "
        "of the same embedding, or convert it in a place you trust: tensors = torch.load(file, weights_only=True), "
        "then safetensors.torch.save_file(tensors, file).",
        code="pickled-file",
        facts={"path": str(path), "reason": why},
    )


def _broken(path: Path, why: str) -> ArtefactError:
    return ArtefactError(
        f"{path} is not a whole file of torch.save: {why}. Fetch or copy it again.",
        code="broken-file",
        facts={"path": str(path)},
    )
