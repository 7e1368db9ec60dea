"""The benchmark for GPUs, as small as can be on the processor: every line of it runs but those for CUDA."""

from __future__ import annotations

import json

import pytest
import torch

from benchmarks import gpu, gpu_kohya
from benchmarks.gpu_base import SIZES, Family

TECHNIQUES = ("lora", "locon", "textual inversion", "full", "controlnet")


@pytest.mark.parametrize("family", ["sd-1", "sdxl"])
def test_every_technique_is_measured_on_both_sides(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "HOME", "")
    rows = list(gpu.measure(torch.device("cpu"), SIZES["toy"], [family]))
    measured = [(row["technique"], row["side"]) for row in rows]
    assert measured == [(technique, side) for technique in TECHNIQUES for side in ("ours", "diffusers")]
    assert {row["error"] for row in rows} == {None}
    assert all(row["stepsPerSecond"] > 0 for row in rows)


@pytest.mark.skipif(not (gpu_kohya.HOME and gpu_kohya.PYTHON), reason=gpu_kohya.REASON)
def test_every_script_of_sd_scripts_is_measured(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("theirs")
    gpu_kohya.prepare("sd-1", SIZES["small"], folder, torch.device("cpu"))
    # Their script for ControlNets has the published sizes in itself.
    for technique in TECHNIQUES[:-1]:
        found = gpu_kohya.their_steps(folder, "sd-1", technique, SIZES["small"])
        assert not isinstance(found, str), (technique, found)
        assert found.seconds > 0


def test_a_script_that_fails_tells_why(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("theirs")
    monkeypatch.setattr(gpu_kohya, "HOME", str(folder))
    monkeypatch.setattr(gpu_kohya, "PYTHON", gpu.sys.executable)
    told = gpu_kohya.their_steps(folder, "sd-1", "lora", SIZES["published"])
    assert isinstance(told, str) and "train_network.py" in told


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu.sys, "argv", ["gpu"])
    assert gpu.main() == 1
    told = json.loads(capsys.readouterr().out)
    assert told["error"]["code"] == "device-unavailable"
    assert "no CUDA device" in told["error"]["message"]
