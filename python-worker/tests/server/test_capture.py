"""What is printed at the level of file descriptors, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import os, sys
from phalanx_worker.server.capture import Capture

events = []
saved = os.dup(1)
capture = Capture(sys.argv[1] + "/stdout", sys.argv[1] + "/stderr")
capture.send_to(lambda event: events.append(event) or True)
{script}
capture.send_to(None)
os.dup2(saved, 1)
for event in events:
    print(event.stream, event.dropped, event.text)
"""


def run(script: str, folder: Path) -> list[str]:
    command = [sys.executable, "-c", PROGRAM.format(script=script), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_lines_of_python_of_the_system_and_of_children_are_taken(tmp_path: Path) -> None:
    script = "print('one', flush=True); os.write(2, b'two\\n'); os.system('echo three')"
    assert sorted(run(script, tmp_path)) == ["stderr 0 two", "stdout 0 one", "stdout 0 three"]


def test_progress_bars_and_broken_text_are_lines_too(tmp_path: Path) -> None:
    assert run("os.write(1, b'10%\\r20%\\r\\xff\\n')", tmp_path) == ["stdout 0 10%", "stdout 0 20%", "stdout 0 \ufffd"]


def test_a_flood_is_thinned_and_every_line_counted(tmp_path: Path) -> None:
    lines = run("os.write(1, b'x\\n' * 50_000)", tmp_path)
    passed = [line for line in lines if line.endswith(" x")]
    dropped = sum(int(line.split()[1]) for line in lines)
    assert len(passed) + dropped == 50_000
    assert 200 <= len(passed) < 5_000
    assert lines[-1].startswith("warning")


def test_a_sink_that_cannot_take_lines_loses_none_of_the_count(tmp_path: Path) -> None:
    script = (
        "taken = iter([True, False, False, True])\n"
        "capture.send_to(lambda event: next(taken) and (events.append(event) or True))\n"
        "os.write(1, b'a\\nb\\nc\\nd\\n')"
    )
    assert run(script, tmp_path) == ["stdout 0 a", "stdout 2 d"]


def test_what_was_read_is_given_back_to_the_disk(tmp_path: Path) -> None:
    run("[(os.write(1, b'x' * 99 + b'\\n') , i % 1000 or capture.drain()) for i in range(400_000)]", tmp_path)
    on_disk = (tmp_path / "stdout").stat().st_blocks * 512
    assert (tmp_path / "stdout").stat().st_size == 40_000_000
    if sys.platform == "linux":
        assert on_disk < 20_000_000
