"""Bytes to validated messages and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from phalanx_worker.protocol.messages import BlobDescription, ControlRequest, JobsRequest

_encoder = msgspec.msgpack.Encoder()
_control_decoder: msgspec.msgpack.Decoder[ControlRequest] = msgspec.msgpack.Decoder(ControlRequest)
_jobs_decoder: msgspec.msgpack.Decoder[JobsRequest] = msgspec.msgpack.Decoder(JobsRequest)


class ArrayLike(Protocol):
    """What a blob must offer beside the buffer protocol; numpy arrays do."""

    @property
    def dtype(self) -> Any: ...

    @property
    def shape(self) -> Sequence[int]: ...


@dataclass(frozen=True)
class Blob:
    """One frame after the header."""

    description: BlobDescription
    data: memoryview


def encode(message: msgspec.Struct) -> bytes:
    """The message as plain msgpack."""
    return _encoder.encode(message)


def decode_control(data: bytes) -> ControlRequest:
    """A request on the control socket; raises `msgspec.ValidationError` or `msgspec.DecodeError`."""
    return _control_decoder.decode(data)


def decode_jobs(data: bytes) -> JobsRequest:
    """A request on the jobs socket; raises `msgspec.ValidationError` or `msgspec.DecodeError`."""
    return _jobs_decoder.decode(data)


def blob(array: ArrayLike) -> Blob:
    """An array as a frame. It must be C-contiguous and stay unchanged: it is sent without a copy."""
    data = memoryview(array)  # type: ignore[arg-type]
    if not data.c_contiguous:
        raise ValueError("a blob must be C-contiguous; make it so with numpy.ascontiguousarray")
    description = msgspec.convert({"dtype": str(array.dtype), "shape": list(array.shape)}, BlobDescription)
    return Blob(description, data)
