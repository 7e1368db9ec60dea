"""Exceptions as data."""

from __future__ import annotations

from phalanx_worker.errors import DatasetError
from phalanx_worker.server.wire_error import wire_error


def raised(action: str) -> BaseException:
    try:
        exec(action, {"DatasetError": DatasetError})
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def test_an_error_of_ours_keeps_place_code_facts() -> None:
    error = raised("raise DatasetError('empty', code='dataset-empty', facts={'root': 'x'}, retryable=True)")
    wire = wire_error(error, ["last"])
    assert (wire.place, wire.code, wire.facts, wire.retryable) == ("dataset", "dataset-empty", {"root": "x"}, True)
    assert wire.log_lines == ("last",)


def test_causes_are_listed_nearest_first_and_from_none_hides_them() -> None:
    chain = (
        "try:\n try: 1/0\n except Exception as e: raise KeyError('k') from e\nexcept Exception: raise ValueError('v')"
    )
    wire = wire_error(raised(chain), ())
    assert [cause.class_name for cause in wire.causes] == ["KeyError", "ZeroDivisionError"]
    assert "ZeroDivisionError" in wire.traceback
    assert wire_error(raised("try: 1/0\nexcept Exception: raise ValueError('v') from None"), ()).causes == ()


def test_memory_errors_are_named_also_those_of_torch() -> None:
    assert wire_error(raised("raise MemoryError()"), ()).code == "out-of-memory"
    kind = "class OutOfMemoryError(RuntimeError): pass\nraise OutOfMemoryError('CUDA out of memory')"
    assert wire_error(raised(kind), ()).code == "out-of-memory"
    assert wire_error(raised("raise RuntimeError('x')"), ()).code == "python-exception"


def test_a_full_disk_is_named_also_by_the_library_for_safetensors() -> None:
    assert wire_error(raised("import errno; raise OSError(errno.ENOSPC, 'x')"), ()).code == "disk-full"
    assert wire_error(raised("open('/dev/full', 'wb', 0).write(b'x')"), ()).code == "disk-full"
    kind = "class SafetensorError(Exception): pass\nraise SafetensorError('No space left on device (os error 28)')"
    assert wire_error(raised(kind), ()).code == "disk-full"
    assert wire_error(raised("open('/absent/file')"), ()).code == "python-exception"


def test_text_that_is_not_utf8_can_still_be_sent() -> None:
    assert wire_error(raised("raise ValueError('a\\udcffb')"), ()).message == "a?b"
