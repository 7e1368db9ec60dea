"""One step of sd-scripts' own trainer and one of ours, from the same LoRA, latents, noise and timesteps."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor

from phalanx_worker.artefacts.series import read_series
from phalanx_worker.artefacts.tensors import read_tensors
from phalanx_worker.jobs import train
from phalanx_worker.model.load import load_base
from phalanx_worker.protocol.messages import AdamwOptimizer, ConstantSchedule
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.lora import Lora
from phalanx_worker.techniques.losses import Losses
from tests.interop.files import LOCON, LORA, exported
from tests.interop.kohya import kohya_base, needs_kohya, run_kohya
from tests.small import CAPTIONS, Recorder, make_dataset, train_job

# Adam divides each gradient by its own size, which makes the smallest ones' rounding as large as a step; with an
# epsilon of the gradients' size it stays rounding.
OPTIMIZER = AdamwOptimizer(
    learning_rate=1e-2, beta1=0.9, beta2=0.999, epsilon=1e-2, weight_decay=0.01, maximum_gradient_norm=1.0
)
TECHNIQUES = {"lora": LORA, "locon": LOCON}
TOKENIZERS = {
    "sd-1": {"tokenizer": "openai_clip-vit-large-patch14"},
    "sd-2": {"tokenizer": "stabilityai_stable-diffusion-2"},
    "sdxl": {
        "tokenizer": "openai_clip-vit-large-patch14",
        "tokenizer_2": "laion_CLIP-ViT-bigG-14-laion2B-39B-b160k",
    },
}
"""By their folders in the base, the names under which sd-scripts keeps them."""
CAPTION = CAPTIONS[0]


@pytest.mark.parametrize("kind", TECHNIQUES)
@pytest.mark.parametrize("family", TOKENIZERS)
@needs_kohya
def test_one_step_gives_the_same_loss_and_the_same_weights(tmp_path: Path, family: str, kind: str) -> None:
    folder = kohya_base(tmp_path / "base", family)
    start = exported(load_base(folder), TECHNIQUES[kind], tmp_path, "start")
    images = make_dataset(tmp_path / "images", 1, (64, 64))
    ours, loss, given = our_step(folder, images, tmp_path / "run", kind, start)
    arguments = their_arguments(tmp_path, folder, family, start)
    run_kohya(tmp_path, given, task="train", family=family, base=str(folder), arguments=arguments)
    # Sums in another order.
    assert json.loads((tmp_path / "losses.json").read_text()) == [pytest.approx(loss, rel=1e-5)]
    theirs, before = read_tensors(tmp_path / "theirs.safetensors"), read_tensors(start)
    assert theirs.keys() == ours.keys()
    moved = max(largest(tensor - before[name]) for name, tensor in ours.items())
    apart = max(largest(theirs[name] - tensor) for name, tensor in ours.items())
    assert moved > OPTIMIZER.learning_rate / 10
    # The same sums in another order once more, backwards through every layer.
    assert apart < 2e-3 * moved


def largest(tensor: Tensor) -> float:
    return float(tensor.abs().max())


def our_step(
    base: Path, images: Any, output: Path, kind: str, start: Path
) -> tuple[dict[str, Tensor], float, dict[str, Tensor]]:
    """The file after one step of our training, its loss, and what it was fed."""
    seen: dict[int, Batch] = {}
    original = Lora.losses

    def spy(self: Lora, batch: Batch) -> Losses:
        for place, sample in enumerate(batch.samples):
            seen[sample] = batch.part(slice(place, place + 1))
        return original(self, batch)

    changes: dict[str, Any] = {
        "technique": msgspec.structs.replace(TECHNIQUES[kind], start=str(start)),
        "optimizer": OPTIMIZER,
        "schedule": ConstantSchedule(warmup_steps=0),
        "steps": 1,
        "accumulation": 1,
        "caption_dropout": 0.0,
        "flip": False,
        "ema_decay": None,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lora, "losses", spy)
        result = train.run(train_job(base, images, output, **changes), Recorder().context)
    batches = [seen[sample] for sample in sorted(seen)]
    latents = torch.cat([batch.latents for batch in batches if batch.latents is not None])
    given = {
        "latents": latents,
        "noise": torch.cat([batch.normal("noise", tuple(latents.shape[1:])) for batch in batches]),
        "timesteps": torch.cat([batch.integers("timestep", 1000) for batch in batches]),
    }
    return read_tensors(Path(result.path)), read_series(output / "series.jsonl")[0].loss, given


def their_arguments(folder: Path, base: Path, family: str, start: Path) -> list[str]:
    for own, theirs in TOKENIZERS[family].items():
        shutil.copytree(base / own, folder / "tokenizers" / theirs)
    captions = {str(file): {"caption": CAPTION} for file in sorted((folder / "images").glob("*.png"))}
    (folder / "captions.json").write_text(json.dumps(captions))
    subset = {"metadata_file": str(folder / "captions.json"), "image_dir": str(folder / "images"), "num_repeats": 2}
    dataset = {"resolution": [64, 64], "batch_size": 2, "enable_bucket": False, "subsets": [subset]}
    (folder / "dataset.json").write_text(json.dumps({"datasets": [dataset]}))
    said: dict[str, object] = {
        "pretrained_model_name_or_path": base,
        "tokenizer_cache_dir": folder / "tokenizers",
        "dataset_config": folder / "dataset.json",
        "output_dir": folder,
        "output_name": "theirs",
        "save_model_as": "safetensors",
        "save_precision": "float",
        "network_module": "networks.lora",
        "network_weights": start,
        "learning_rate": OPTIMIZER.learning_rate,
        "optimizer_type": "AdamW",
        "max_grad_norm": OPTIMIZER.maximum_gradient_norm,
        "lr_scheduler": "constant",
        "max_train_steps": 1,
        "seed": 5,
        "mixed_precision": "no",
        "max_data_loader_n_workers": 0,
    }
    flags = ["--dim_from_weights", "--sdpa", "--cache_latents"]
    flags += ["--v2", "--v_parameterization"] if family == "sd-2" else []
    optimizer = ["--optimizer_args", f"betas=({OPTIMIZER.beta1},{OPTIMIZER.beta2})", f"eps={OPTIMIZER.epsilon}",
                 f"weight_decay={OPTIMIZER.weight_decay}"]  # fmt: skip
    return [word for name, value in said.items() for word in (f"--{name}", str(value))] + flags + optimizer
