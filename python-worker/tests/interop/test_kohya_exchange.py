"""LoRAs and LoCons that sd-scripts' `networks.lora` reads and writes, of every family."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from phalanx_worker.artefacts.tensors import read_tensors
from phalanx_worker.model.adapters import applied
from phalanx_worker.model.base import Base
from phalanx_worker.model.load import load_base
from tests.interop.files import LOCON, LORA, exported, random_numbers
from tests.interop.kohya import kohya_base, largest_difference, needs_kohya, result_of, run_kohya
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


def inputs_for(base: Base) -> dict[str, Tensor]:
    size = base.image_size // base.reduction
    given = {
        "ids": torch.randint(0, 500, (2, 77), generator=torch.Generator().manual_seed(1)),
        "latents": random_numbers(2, 2, 4, size, size),
        "timesteps": torch.tensor([10, 700]),
        "texts": random_numbers(3, 2, 77, int(base.unet.config.cross_attention_dim)),
    }
    if base.text_encoder_2 is None:
        return given
    sizes = torch.tensor([[64.0, 64, 0, 0, 64, 64], [80.0, 64, 8, 0, 64, 64]])
    pooled = random_numbers(4, 2, int(base.text_encoder_2.config.projection_dim))
    vector = torch.cat([pooled, base.unet.add_time_proj(sizes.flatten()).reshape(2, -1)], 1)
    return {**given, "sizes": sizes, "pooled": pooled, "vector": vector}


@torch.no_grad()
def outputs(base: Base, given: dict[str, Tensor]) -> dict[str, Tensor]:
    added = {"text_embeds": given["pooled"], "time_ids": given["sizes"]} if "sizes" in given else None
    noise = base.unet(given["latents"], given["timesteps"], given["texts"], added_cond_kwargs=added).sample
    texts = {f"text.{place}": encoder(given["ids"])[0] for place, encoder in enumerate(base.text_encoders)}
    return {"noise": noise, **texts}
