"""Every technique on every kind of base: what it writes draws what the training itself drew last."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from phalanx_worker.jobs import train
from phalanx_worker.model.adapters import applied
from phalanx_worker.model.control_net import read_control_net
from phalanx_worker.model.load import load_base
from phalanx_worker.protocol.messages import (
    ConstantSchedule,
    ControlNetTechnique,
    ControlReference,
    DatasetReference,
    ItemPicture,
    LearnedToken,
    NegativeEmbeddingTechnique,
    PreviewSettings,
    TextualInversionTechnique,
    TrainResult,
)
from phalanx_worker.sampling.controls import ControlInUse
from phalanx_worker.training.data import read_dataset
from tests.drawing import Images, drawn, largest_difference, preview_sampling, request, sampling
from tests.small import (
    ARCHITECTURES,
    Recorder,
    adapter_reference,
    full_technique,
    loha_technique,
    lokr_technique,
    lora_technique,
    make_base,
    make_dataset,
    train_job,
    write_manifest,
)

KINDS = {
    "sd-1": ARCHITECTURES["sd-1"],
    "sd-2": ARCHITECTURES["sd-2"],
    "sdxl": ARCHITECTURES["sdxl"],
    "inpainting": msgspec.structs.replace(ARCHITECTURES["sd-1"], inpainting=True),
}
EVERYWHERE = ("attention", "mlp", "convolution")
TECHNIQUES: dict[str, Any] = {
    "lora": lora_technique(),
    "locon": lora_technique(targets=EVERYWHERE),
    "dora": lora_technique(targets=EVERYWHERE, decomposed=True),
    "loha": loha_technique(),
    "lokr": lokr_technique(),
    "full": full_technique(),
    "textual-inversion": TextualInversionTechnique(
        tokens=(LearnedToken(placeholder="<five>", initial_word="hand", vectors=2),), templates=("{}",), norm="none"
    ),
    "negative-embedding": NegativeEmbeddingTechnique(
        placeholder="<five>", initial_word="hand", vectors=2, guidance=3.0, norm="none"
    ),
    "control-net": ControlNetTechnique(channels=(16, 32, 96, 256), start=None, weights="float32"),
}
PROMPT, NEGATIVE, STEPS = "a photo of <five>", "a fist, <five>", 3


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    parent = tmp_path_factory.mktemp("bases")
    return {kind: make_base(parent / kind, 1, architecture) for kind, architecture in KINDS.items()}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> DatasetReference:
    """Three images, each the picture that controls it."""
    folder = tmp_path_factory.mktemp("pairs") / "images"
    items = [
        msgspec.structs.replace(item, control=ItemPicture(file=item.file, sha256=sha256(folder / item.file)))
        for item in read_dataset(make_dataset(folder, 3))
    ]
    return write_manifest(folder, items)


@pytest.mark.parametrize("name", TECHNIQUES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_result_draws_what_the_training_drew(
    folders: dict[str, Path], pairs: DatasetReference, tmp_path: Path, kind: str, name: str
) -> None:
    picture = str(next(Path(pairs.root).glob("*.png")))
    preview = PreviewSettings(
        every=STEPS,
        prompts=(PROMPT,),
        negative_prompt=NEGATIVE,
        seeds=(1,),
        sampling=preview_sampling(sampling(steps=2)),
        control=picture if name == "control-net" else None,
    )
    job = train_job(
        folders[kind], pairs, tmp_path / "run", technique=TECHNIQUES[name], steps=STEPS, ema_decay=None,
        accumulation=1, schedule=ConstantSchedule(warmup_steps=0), preview=preview,
    )  # fmt: skip
    fast = msgspec.structs.replace(job.settings.optimizer, learning_rate=0.05)
    job = msgspec.structs.replace(job, settings=msgspec.structs.replace(job.settings, optimizer=fast))
    result = train.run(job, Recorder().context)
    shown = np.asarray(Image.open(tmp_path / f"run/previews/step-{STEPS:08d}/0000.png"))[None]
    # Folded into the weights here, and beside them or in another file's order there: rounding.
    assert largest_difference(shown, with_result(folders[kind], result, picture)) <= 1
    assert largest_difference(shown, plain(folders[kind])) > 1


def with_result(folder: Path, result: TrainResult, picture: str) -> Images:
    path = Path(result.path)
    base = load_base(path if result.kind == "base" else folder)
    if result.kind == "control-net":
        reference = ControlReference(file=str(path), strength=1.0, start=0.0, end=1.0)
        asked = request(PROMPT, 1, NEGATIVE, None, (picture,))
        return drawn(base, [asked], sampling(steps=2), [ControlInUse(read_control_net(path, base), reference)])
    adapters = [] if result.kind == "base" else [adapter_reference(file=str(path), strength=1.0)]
    with applied(base, adapters) as changed:
        return drawn(changed, [request(PROMPT, 1, NEGATIVE)], sampling(steps=2))


def plain(folder: Path) -> Images:
    return drawn(load_base(folder), [request(PROMPT, 1, NEGATIVE)], sampling(steps=2))


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
