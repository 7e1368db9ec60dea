"""Bases of every family: made, recognised, read, encoded and saved, against diffusers and transformers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest
import torch
from diffusers import StableDiffusionInpaintPipeline, StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file

from phalanx_worker.errors import ArtefactError, ConfigError
from phalanx_worker.jobs import inspect_base
from phalanx_worker.model.create import create_base
from phalanx_worker.model.load import load_base
from phalanx_worker.model.save import StoredType, save_base
from phalanx_worker.model.text import embed_texts
from phalanx_worker.protocol.messages import InspectBaseJob
from tests.small import ARCHITECTURES, CAPTIONS, Recorder, make_base

FAMILIES = ["sd-1", "sd-2", "sdxl"]
PIPELINES = {"sd-1": StableDiffusionPipeline, "sd-2": StableDiffusionPipeline, "sdxl": StableDiffusionXLPipeline}
TEXTS = ["a photo of a hand", "", "Ünïcode! 12 zebras!? don't", "a " * 100]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("inpainting", [False, True])
def test_a_family_is_recognised_and_described(tmp_path: Path, family: str, inpainting: bool) -> None:
    architecture = msgspec.structs.replace(ARCHITECTURES[family], inpainting=inpainting)
    folder = make_base(tmp_path / "base", architecture=architecture)
    described = inspect_base.run(InspectBaseJob(base=str(folder)), Recorder().context)
    assert (described.family, described.inpainting) == (family, inpainting)
    assert described.prediction == architecture.prediction
    assert described.text_width == (24 if family == "sdxl" else 16)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("weights", ["float32", "float16", "bfloat16"])
def test_what_is_saved_is_read_back_and_by_diffusers_too(
    family_folders: dict[str, Path], tmp_path: Path, family: str, weights: StoredType
) -> None:
    base = load_base(family_folders[family])
    save_base(base, tmp_path / "copy", weights)
    copy = load_base(tmp_path / "copy")
    kind = getattr(torch, weights)
    for part, module in base.parts.items():
        read = copy.parts[part].state_dict()
        assert all(torch.equal(read[name], tensor.to(kind).float()) for name, tensor in module.state_dict().items())
    assert (copy.sha256 == base.sha256) == (weights == "float32")
    pipeline = PIPELINES[family].from_pretrained(tmp_path / "copy", local_files_only=True)
    for part, module in copy.parts.items():
        theirs = getattr(pipeline, part).state_dict()
        assert all(torch.equal(theirs[name].float(), tensor) for name, tensor in module.state_dict().items())


def test_diffusers_loads_a_base_for_inpainting(tmp_path: Path) -> None:
    architecture = msgspec.structs.replace(ARCHITECTURES["sd-2"], inpainting=True)
    folder = make_base(tmp_path / "base", architecture=architecture)
    pipeline = StableDiffusionInpaintPipeline.from_pretrained(folder, local_files_only=True)
    assert pipeline.unet.config.in_channels == 9
    save_base(load_base(folder), tmp_path / "copy", "float32")
    assert json.loads((tmp_path / "copy/model_index.json").read_text())["_class_name"].endswith("InpaintPipeline")


@pytest.mark.parametrize("family", ["sd-2", "sdxl"])
def test_texts_are_encoded_as_by_diffusers(family_folders: dict[str, Path], family: str) -> None:
    pipeline = PIPELINES[family].from_pretrained(family_folders[family], local_files_only=True)
    texts = embed_texts(load_base(family_folders[family]), TEXTS)
    with torch.no_grad():
        encoded = pipeline.encode_prompt(
            TEXTS, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False
        )
    torch.testing.assert_close(texts.embeddings, encoded[0])
    if family == "sdxl":
        assert texts.pooled is not None
        torch.testing.assert_close(texts.pooled, encoded[2])
    else:
        assert texts.pooled is None


@pytest.mark.parametrize(
    ("family", "file", "changes", "reason"),
    [
        ("sdxl", "unet", {"addition_embed_type": None}, "added conditions of kind None"),
        ("sdxl", "unet", {"projection_class_embeddings_input_dim": 7}, "7 added numbers"),
        ("sdxl", "text_encoder_2", {"hidden_size": 40}, "attends to width"),
        ("sd-2", "unet", {"in_channels": 8}, "8 channels for latents of 4"),
        ("sd-2", "unet", {"class_embed_type": "projection"}, "takes classes"),
        ("sd-1", "unet", {"cross_attention_dim": 99}, "attends to width 99"),
    ],
)
def test_a_base_between_the_families_is_refused(
    family_folders: dict[str, Path], tmp_path: Path, family: str, file: str, changes: dict[str, object], reason: str
) -> None:
    folder = Path(shutil.copytree(family_folders[family], tmp_path / "broken"))
    config = folder / file / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **changes}))
    with pytest.raises(ArtefactError) as caught:
        load_base(folder)
    assert caught.value.code == "family-mismatch" and caught.value.facts["family"] == family
    assert reason in str(caught.value)


@pytest.mark.parametrize("name", ["StableDiffusion3Pipeline", "StableDiffusionXLImg2ImgPipeline"])
def test_another_pipeline_is_refused(family_folders: dict[str, Path], tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(family_folders["sdxl"], tmp_path / "broken"))
    index = folder / "model_index.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), "_class_name": name}))
    with pytest.raises(ArtefactError, match=name) as caught:
        load_base(folder)
    assert caught.value.code == "family-mismatch"


def test_half_an_sdxl_is_no_base(family_folders: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(family_folders["sdxl"], tmp_path / "broken"))
    shutil.rmtree(folder / "tokenizer_2")
    with pytest.raises(ArtefactError, match=r"tokenizer_2/vocab\.json") as caught:
        load_base(folder)
    assert caught.value.code == "not-a-base"


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("sdxl", {"unet_channels": (16, 16, 16, 16)}),
        ("sd-2", {"unet_channels": (16, 16, 16)}),
        ("sdxl", {"transformer_layers": (1, 1, 1, 1)}),
        ("sdxl", {"second_text_width": 9}),
    ],
)
def test_levels_that_are_not_the_familys_are_refused(tmp_path: Path, family: str, changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as caught:
        create_base(msgspec.structs.replace(ARCHITECTURES[family], **changes), CAPTIONS, 0, tmp_path / "b", "float32")
    assert caught.value.code == "architecture-mismatch"
    assert not (tmp_path / "b").exists()


def test_files_with_position_ids_of_older_transformers_are_read(
    family_folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(family_folders["sdxl"], tmp_path / "older"))
    for part in ("text_encoder", "text_encoder_2"):
        file = folder / part / "model.safetensors"
        save_file(load_file(file) | {"text_model.embeddings.position_ids": torch.arange(77)[None]}, file)
    assert load_base(folder).sha256 == load_base(family_folders["sdxl"]).sha256
