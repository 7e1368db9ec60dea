"""Steps of sd-scripts in bfloat16, from a checkout and by an interpreter that the environment names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.bench_base import CAPTIONS
from benchmarks.gpu_base import Family, Size, random_base, write_base
from benchmarks.gpu_ours import EIGHT_BIT, PLACEHOLDER
from benchmarks.measured import Measured
from benchmarks.training import BETAS, DECAY, EPSILON, LARGEST_NORM, RATE

HOME, PYTHON = os.environ.get("KOHYA_HOME", ""), os.environ.get("KOHYA_PYTHON", "")
REASON = "KOHYA_HOME names no checkout of sd-scripts, or KOHYA_PYTHON no interpreter with its requirements"
FOLDER = Path(__file__).parent
SCRIPTS: Mapping[str, tuple[str, str]] = {
    "lora": ("train_network.py", "sdxl_train_network.py"),
    "locon": ("train_network.py", "sdxl_train_network.py"),
    "textual inversion": ("train_textual_inversion.py", "sdxl_train_textual_inversion.py"),
    "full": ("fine_tune.py", "sdxl_train.py"),
    "controlnet": ("train_control_net.py", "sdxl_train_control_net.py"),
}
"""For SD 1 and for SDXL."""
TOKENIZERS = {"openai_clip-vit-large-patch14": "tokenizer", "laion_CLIP-ViT-bigG-14-laion2B-39B-b160k": "tokenizer_2"}


def prepare(family: Family, size: Size, folder: Path, device: torch.device) -> None:
    """A base, its vocabularies under the names that sd-scripts looks for, and a data set, in a folder."""
    base = random_base(family, size, folder / "small", device)
    write_base(base, size, folder / "base")
    for theirs, ours in TOKENIZERS.items():
        if (folder / "base" / ours).exists():
            shutil.copytree(folder / "base" / ours, folder / "tokenizers" / theirs)
    captions = {}
    for kind in ("images", "pictures"):
        (folder / kind).mkdir()
        for place in range(size.batch):
            pixels = np.random.default_rng(place).integers(0, 256, (base.image_size, base.image_size, 3), np.uint8)
            file = folder / kind / f"{place}.png"
            Image.fromarray(pixels).save(file)
            file.with_suffix(".txt").write_text(CAPTIONS[place % len(CAPTIONS)])
            if kind == "images":
                captions[str(file)] = {"caption": CAPTIONS[place % len(CAPTIONS)]}
    (folder / "captions.json").write_text(json.dumps(captions))
    shared = {"image_dir": str(folder / "images"), "num_repeats": 1}
    subsets = {
        "metadata": {**shared, "metadata_file": str(folder / "captions.json")},
        "captions": {**shared, "caption_extension": ".txt"},
        "controls": {**shared, "conditioning_data_dir": str(folder / "pictures"), "caption_extension": ".txt"},
    }
    for name, subset in subsets.items():
        side = [base.image_size, base.image_size]
        dataset = {"resolution": side, "batch_size": size.batch, "enable_bucket": False, "subsets": [subset]}
        (folder / f"dataset-{name}.json").write_text(json.dumps({"datasets": [dataset]}))


def their_steps(folder: Path, family: Family, technique: str, size: Size) -> Measured | str:
    """What a prepared folder trains with; the last line that the script printed when it failed."""
    result = folder / "measured.json"
    result.unlink(missing_ok=True)
    request = {
        "base": str(folder / "base"), "family": family, "constants": size.layers != "published", "warmUp": size.warm_up,
        "steps": size.steps, "result": str(result),
    }  # fmt: skip
    (folder / "request.json").write_text(json.dumps(request))
    script = Path(HOME) / SCRIPTS[technique.removesuffix(EIGHT_BIT)][family == "sdxl"]
    path = os.pathsep.join([HOME, str(FOLDER.parent / "tests/interop")])
    environment = {**os.environ, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    done = subprocess.run(
        [PYTHON, str(FOLDER / "kohya_steps.py"), str(folder / "request.json"), str(script),
         *_arguments(folder, technique, size)],
        cwd=HOME, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if not result.is_file():
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        return lines[-1] if lines else f"ended with code {done.returncode}"
    told = json.loads(result.read_text())
    return Measured(told["seconds"], told["peakBytes"])


def _arguments(folder: Path, technique: str, size: Size) -> list[str]:
    kind = technique.removesuffix(EIGHT_BIT)
    dataset = {"textual inversion": "captions", "controlnet": "controls"}.get(kind, "metadata")
    said: dict[str, object] = {
        "pretrained_model_name_or_path": folder / "base",
        "tokenizer_cache_dir": folder / "tokenizers",
        "dataset_config": folder / f"dataset-{dataset}.json",
        "output_dir": folder / "output",
        "output_name": "theirs",
        "save_model_as": "safetensors",
        "learning_rate": RATE,
        "optimizer_type": "AdamW8bit" if technique.endswith(EIGHT_BIT) else "AdamW",
        "max_grad_norm": LARGEST_NORM,
        "lr_scheduler": "constant",
        # The script saves at its end, after the last of those that are counted.
        "max_train_steps": size.warm_up + size.steps,
        "seed": 0,
        "mixed_precision": "bf16",
        "max_data_loader_n_workers": 0,
    }
    if kind in ("lora", "locon"):
        said |= {"network_module": "networks.lora", "network_dim": size.rank, "network_alpha": 1}
    if kind == "textual inversion":
        said |= {"token_string": PLACEHOLDER, "init_word": "hand", "num_vectors_per_token": 4}
    flags = ["--sdpa", "--cache_latents"]
    if kind in ("lora", "locon"):
        flags.append("--network_train_unet_only")
    if kind == "locon":
        flags += ["--network_args", f"conv_dim={size.rank}", "conv_alpha=1"]
    optimizer = ["--optimizer_args", f"betas=({BETAS[0]},{BETAS[1]})", f"eps={EPSILON}", f"weight_decay={DECAY}"]
    return [word for name, value in said.items() for word in (f"--{name}", str(value))] + flags + optimizer
