"""Trainings whose captions are long, weighted, or read from an earlier layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from phalanx_worker.artefacts.series import read_series
from phalanx_worker.artefacts.tensors import read_metadata, read_tensors
from phalanx_worker.errors import ConfigError
from phalanx_worker.jobs import train
from phalanx_worker.model.adapters import applied
from phalanx_worker.model.base import AS_TRAINED
from phalanx_worker.model.load import load_base
from phalanx_worker.protocol.messages import (
    DatasetReference,
    LearnedToken,
    PreviewSettings,
    TextSettings,
    TextualInversionTechnique,
)
from phalanx_worker.training.data import read_dataset
from tests.drawing import drawn, preview_sampling, request, sampling
from tests.small import (
    ARCHITECTURES,
    Killed,
    Recorder,
    adapter_reference,
    lora_technique,
    make_base,
    make_dataset,
    train_job,
    write_manifest,
)

TEXT = TextSettings(max_tokens=150, weights=True, clip_skip=2)
FAMILIES = ("sd-1", "sd-2", "sdxl")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    parent = tmp_path_factory.mktemp("deep")
    deep = {"text_layers": 3, "second_text_layers": 3}
    return {
        family: make_base(parent / family, 1, msgspec.structs.replace(ARCHITECTURES[family], **deep))
        for family in FAMILIES
    }


@pytest.fixture(scope="module")
def weighed(tmp_path_factory: pytest.TempPathFactory) -> DatasetReference:
    """Three images, whose captions have weights, two windows, and one token too many for two."""
    reference = make_dataset(tmp_path_factory.mktemp("weighed") / "images", count=3)
    captions = ("a photo of (a hand:1.4)", "a fist BREAK [a palm]", "a " * 151)
    items = [
        msgspec.structs.replace(item, caption=caption)
        for item, caption in zip(read_dataset(reference), captions, strict=True)
    ]
    return write_manifest(Path(reference.root), items)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_killed_training_goes_on_bit_by_bit(
    folders: dict[str, Path], weighed: DatasetReference, tmp_path: Path, family: str
) -> None:
    technique = lora_technique(network_dropout=0.2, rank_dropout=0.1)
    changes: dict[str, Any] = {"technique": technique, "text": TEXT, "steps": 4, "checkpoint_every": 2}
    whole = train_job(folders[family], weighed, tmp_path / "whole", **changes)
    result = train.run(whole, Recorder().context)
    assert result.truncated_captions == 1
    metadata = read_metadata(tmp_path / "whole/result.safetensors")
    assert (metadata["ss_max_token_length"], metadata["ss_clip_skip"]) == ("150", "2")
    halted = train_job(folders[family], weighed, tmp_path / "halted", **changes)
    with pytest.raises(Killed):
        train.run(halted, Recorder(raise_after=3).context)
    assert train.run(halted, Recorder().context).resumed_from == 2
    one, other = (read_tensors(tmp_path / name / "result.safetensors") for name in ("whole", "halted"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_each_setting_changes_the_loss_and_none_is_metadata_of_its_own(
    folders: dict[str, Path], weighed: DatasetReference, tmp_path: Path
) -> None:
    losses = []
    for place, text in enumerate(
        [
            AS_TRAINED,
            msgspec.structs.replace(AS_TRAINED, max_tokens=150),
            msgspec.structs.replace(AS_TRAINED, weights=True),
            msgspec.structs.replace(AS_TRAINED, clip_skip=2),
        ]
    ):
        # The text encoder stays as it is: captions come from the cache.
        technique = lora_technique(parts=("unet",))
        job = train_job(folders["sd-1"], weighed, tmp_path / str(place), technique=technique, text=text, steps=1)
        train.run(job, Recorder().context)
        losses.append(read_series(tmp_path / str(place) / "series.jsonl")[0].loss)
    assert len(set(losses)) == 4
    metadata = read_metadata(tmp_path / "0/result.safetensors")
    assert (metadata["ss_max_token_length"], metadata["ss_clip_skip"]) == ("None", "None")


@pytest.mark.parametrize("own", [None, AS_TRAINED])
def test_previews_are_read_as_captions_unless_they_say_otherwise(
    folders: dict[str, Path], weighed: DatasetReference, tmp_path: Path, own: TextSettings | None
) -> None:
    settings = sampling(steps=2)
    preview = PreviewSettings(
        every=1,
        prompts=("a (hand:1.5)",),
        negative_prompt="",
        seeds=(1,),
        sampling=preview_sampling(settings, own),
        control=None,
    )
    technique = lora_technique()
    changes: dict[str, Any] = {"technique": technique, "text": TEXT, "steps": 1, "ema_decay": None}
    train.run(train_job(folders["sd-1"], weighed, tmp_path, preview=preview, **changes), Recorder().context)
    seen = np.asarray(Image.open(tmp_path / "previews/step-00000001/0000.png"))
    adapter = adapter_reference(str(tmp_path / "result.safetensors"), 1.0)
    with applied(load_base(folders["sd-1"]), [adapter]) as base:
        images = {
            text: drawn(base, [request("a (hand:1.5)")], msgspec.structs.replace(settings, text=text))[0]
            for text in (TEXT, AS_TRAINED)
        }
    other = AS_TRAINED if own is None else TEXT
    # Attached while it is trained, merged into the weights in the drawing.
    assert np.abs(seen.astype(int) - images[own or TEXT]).max() <= 1
    assert np.abs(seen.astype(int) - images[other]).max() > 1


@pytest.mark.parametrize("placeholder", ["(palm)", "<BREAK>", "[palm:1]"])
def test_a_placeholder_that_weighs_is_refused(
    folders: dict[str, Path], weighed: DatasetReference, tmp_path: Path, placeholder: str
) -> None:
    token = LearnedToken(placeholder=placeholder, initial_word="hand", vectors=1)
    technique = TextualInversionTechnique(tokens=(token,), templates=("a photo of {}",), norm="none")
    job = train_job(folders["sd-1"], weighed, tmp_path / "run", technique=technique, text=TEXT, steps=1)
    with pytest.raises(ConfigError) as caught:
        train.run(job, Recorder().context)
    assert caught.value.code == "invalid-placeholder"


def test_a_layer_that_is_not_there_is_refused_before_anything_is_written(
    folders: dict[str, Path], weighed: DatasetReference, tmp_path: Path
) -> None:
    text = msgspec.structs.replace(TEXT, clip_skip=4)
    with pytest.raises(ConfigError) as caught:
        train.run(train_job(folders["sd-2"], weighed, tmp_path / "run", text=text), Recorder().context)
    assert caught.value.code == "clip-skip-too-large"
    assert not list((tmp_path / "run").glob("checkpoints*"))
