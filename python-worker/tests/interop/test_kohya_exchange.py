"""LoRAs and LoCons that sd-scripts' `networks.lora` reads and writes, of every family."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from phalanx_worker.artefacts.tensors import read_tensors
from phalanx_worker.model.adapters import applied
from phalanx_worker.model.load import load_base
from phalanx_worker.techniques.kohya_metadata import with_hashes
from tests.interop.files import LOCON, LORA, exported, random_numbers
from tests.interop.kohya import kohya_base, needs_kohya, run_kohya
from tests.interop.outputs import inputs_for, outputs
from tests.interop.side import largest_difference, result_of
from tests.small import adapter_reference

TECHNIQUES = {"lora": LORA, "locon": LOCON}
NETWORKS = {"lora": {"dim": 3, "alpha": 5.0}, "locon": {"dim": 3, "alpha": 5.0, "conv_dim": 2, "conv_alpha": 1.5}}
# Two libraries, their versions apart by years, add the same float32 numbers in another order through some forty layers.
TOLERANCE = 1e-4


@pytest.mark.parametrize("kind", TECHNIQUES)
@pytest.mark.parametrize("family", ["sd-1", "sd-2", "sdxl"])
@needs_kohya
def test_each_reads_the_others_file_and_gives_its_outputs(tmp_path: Path, family: str, kind: str) -> None:
    base = load_base(kohya_base(tmp_path / "base", family))
    given = inputs_for(base)
    exported(base, TECHNIQUES[kind], tmp_path)
    run_kohya(tmp_path, given, task="exchange", family=family, base=str(tmp_path / "base"), network=NETWORKS[kind])
    plain = outputs(base, given)
    for name in ("ours", "theirs"):
        with applied(base, [adapter_reference(file=str(tmp_path / f"{name}.safetensors"), strength=1.0)]) as changed:
            found = outputs(changed, given)
        told = result_of(tmp_path, f"from-{name}")
        assert told.keys() == found.keys()
        for output, tensor in found.items():
            assert largest_difference(tensor, told[output]) < TOLERANCE, (name, output)
            # The file changes what comes out by far more than that.
            assert largest_difference(tensor, plain[output]) > 100 * TOLERANCE, (name, output)
    theirs, ours = read_tensors(tmp_path / "theirs.safetensors"), read_tensors(tmp_path / "ours.safetensors")
    assert theirs.keys() == ours.keys()
    # The ranks differ, and nothing else does.
    assert all(theirs[name].ndim == tensor.ndim for name, tensor in ours.items())


@needs_kohya
def test_the_hashes_are_theirs(tmp_path: Path) -> None:
    # Beyond a mebibyte, where the older hash begins.
    tensors = {f"layer.{place}.lora_up.weight": random_numbers(place, 500, 400) for place in range(2)}
    metadata = {"ss_network_dim": "4", "modelspec.title": "is no part of it", "ss_output_name": "hände"}
    run_kohya(tmp_path, tensors, task="hashes", metadata=metadata)
    found = with_hashes(metadata, tensors)
    theirs = json.loads((tmp_path / "hashes.json").read_text())
    assert theirs == [found["sshs_model_hash"], found["sshs_legacy_hash"]]
    assert {name: found[name] for name in metadata} == metadata
