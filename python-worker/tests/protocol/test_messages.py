"""Golden messages, written by the TypeScript side and decoded there too."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from phalanx_worker.protocol import messages
from phalanx_worker.protocol.codec import blob, decode_control, decode_jobs, encode

ROOT = Path(__file__).parents[3]
GOLDENS = sorted((ROOT / "test" / "contract" / "messages").glob("*.msgpack"))
EPOCH = "0123456789abcdef"


def test_there_are_golden_messages() -> None:
    assert len(GOLDENS) >= 40


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
def test_golden_message_is_what_its_json_says(path: Path) -> None:
    union = getattr(messages, path.name.split(".")[0])
    message = msgspec.msgpack.decode(path.read_bytes(), type=union)
    expected = json.loads(path.with_suffix(".json").read_text())
    assert json.loads(msgspec.json.encode(message)) == expected
    assert msgspec.msgpack.decode(encode(message)) == expected


def test_wide_integers_arrive_as_integers() -> None:
    path = ROOT / "test" / "contract" / "messages" / "Job.create-base.msgpack"
    raw: dict[str, Any] = msgspec.msgpack.decode(path.read_bytes())
    assert raw["seed"] == 2**40
    assert type(raw["seed"]) is int


def test_the_hash_is_that_of_the_schema_file() -> None:
    schema = ROOT / "python-worker" / "phalanx_worker" / "protocol" / "protocol.schema.json"
    assert hashlib.sha256(schema.read_bytes()).hexdigest() == messages.SCHEMA_SHA256


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"howw": "cooperative"}, "howw"),
        ({"how": "gently"}, "gently"),
        ({"epoch": "not an epoch"}, "regex"),
        ({"jobId": 3}, "jobId"),
        ({"type": "job"}, "job"),
    ],
)
def test_a_wrong_message_is_refused_with_its_place(change: dict[str, Any], said: str) -> None:
    right = {"type": "cancel", "epoch": EPOCH, "jobId": "a", "how": "cooperative"}
    assert isinstance(decode_control(msgspec.msgpack.encode(right)), messages.Cancel)
    with pytest.raises(msgspec.ValidationError, match=said):
        decode_control(msgspec.msgpack.encode(right | change))


def test_a_missing_field_is_refused_since_the_worker_has_no_defaults() -> None:
    job = {"type": "create-base", "captions": [], "seed": 0, "output": "o", "weights": "float32"}
    with pytest.raises(msgspec.ValidationError, match="architecture"):
        decode_jobs(msgspec.msgpack.encode({"type": "submit", "epoch": EPOCH, "jobId": "a", "job": job}))


def test_a_blob_is_described_and_not_copied() -> None:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    described = blob(array)
    assert described.description == messages.BlobDescription(dtype="float32", shape=(2, 3, 4))
    assert np.shares_memory(np.frombuffer(described.data, np.float32), array)


def test_a_blob_that_is_not_contiguous_or_of_an_unknown_type_is_refused() -> None:
    with pytest.raises(ValueError, match="ascontiguousarray"):
        blob(np.zeros((4, 4), np.uint8)[:, ::2])
    with pytest.raises(msgspec.ValidationError, match="complex64"):
        blob(np.zeros(2, np.complex64))
