"""Single-file checkpoints of every family, against diffusers' own reader and bases in folders."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import msgspec
import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import save_file

from phalanx_worker.artefacts import tensors as tensor_files
from phalanx_worker.artefacts.tensors import read_metadata, read_tensors
from phalanx_worker.errors import ArtefactError
from phalanx_worker.jobs import inspect_base
from phalanx_worker.model import single_file
from phalanx_worker.model.base import Base
from phalanx_worker.model.load import load_base
from phalanx_worker.model.save import StoredType, save_base
from phalanx_worker.model.single_file import CONFIGS_KEY, load_single_file
from phalanx_worker.model.single_file_layout import checkpoint_configs, checkpoint_family
from phalanx_worker.model.single_file_save import ldm_tensors, save_single_file
from phalanx_worker.model.warm import warm_base
from phalanx_worker.protocol.messages import InspectBaseJob
from tests.drawing import drawn, drawn_by_diffusers, largest_difference, request, sampling
from tests.layouts import LAYOUTS, base_without_memory
from tests.small import ARCHITECTURES, Recorder, make_base

FAMILIES = ["sd-1", "sd-2", "sdxl"]
PIPELINES = {"sd-1": StableDiffusionPipeline, "sd-2": StableDiffusionPipeline, "sdxl": StableDiffusionXLPipeline}
REQUESTS = [request("a photo of a hand!", 1, "a fist")]


def write(base: Base, folder: Path, weights: StoredType = "float32", name: str = "model.safetensors") -> Path:
    """The base as a file, with the vocabulary beside it."""
    folder.mkdir(exist_ok=True)
    save_single_file(base, folder / name, weights)
    shutil.copytree(base.tokenizer.name_or_path, folder / "tokenizer", dirs_exist_ok=True)
    return folder / name


def without_configs(path: Path, **metadata: str) -> Path:
    """The file as somebody else would have written it."""
    save_file(read_tensors(path), path, metadata)
    return path


def conventional(family: str, folder: Path, inpainting: bool = False) -> Base:
    """A small base with the heads and groups that LDM's configs say, which no shape tells."""
    architecture = ARCHITECTURES[family]
    width, heads = (32, 8) if family == "sd-1" else (64, 1)
    changed = msgspec.structs.replace(
        architecture,
        norm_groups=32,
        autoencoder_channels=(32, 64),
        unet_channels=(width,) * len(architecture.unet_channels),
        unet_attention_heads=heads,
        transformer_layers=architecture.transformer_layers or (1, 1, 1, 2),
        text_width=64,
        text_heads=1,
        second_text_width=64,
        inpainting=inpainting,
    )
    return load_base(make_base(folder, 1, changed))


def code_of(path: Path) -> str:
    with pytest.raises(ArtefactError) as caught:
        load_single_file(path)
    return caught.value.code


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("weights", ["float32", "float16", "bfloat16"])
def test_the_way_there_and_back_keeps_all(
    family_folders: dict[str, Path], tmp_path: Path, family: str, weights: StoredType
) -> None:
    base = load_base(family_folders[family])
    save_base(base, tmp_path / "folder", weights)
    read = load_single_file(write(base, tmp_path / "file", weights))
    assert read.sha256 == load_base(tmp_path / "folder").sha256
    assert (read.family, read.inpainting, read.image_size) == (family, False, base.image_size)
    assert read.noise_schedule == base.noise_schedule
    if weights == "float32":
        assert (drawn(read, REQUESTS, sampling()) == drawn(base, REQUESTS, sampling())).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_diffusers_reads_the_file_and_draws_the_same(
    family_folders: dict[str, Path], tmp_path: Path, family: str
) -> None:
    base = load_base(family_folders[family])
    path = write(base, tmp_path / "file")
    made = PIPELINES[family].from_single_file(path, config=str(family_folders[family]), local_files_only=True)
    made.set_progress_bar_config(disable=True)
    for part, module in base.parts.items():
        theirs = getattr(made, part).state_dict()
        assert all(torch.equal(theirs[name], tensor) for name, tensor in module.state_dict().items()), part
    ours = drawn(load_single_file(path), REQUESTS, sampling())
    assert largest_difference(ours, drawn_by_diffusers(made, REQUESTS, sampling())) <= 1


@pytest.mark.parametrize("inpainting", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_file_of_others_is_recognised_from_names_and_shapes(tmp_path: Path, family: str, inpainting: bool) -> None:
    base = conventional(family, tmp_path / "folder", inpainting)
    told = {"modelspec.prediction_type": "v"} if family == "sd-2" else {}
    path = without_configs(write(base, tmp_path / "file"), **told)
    read = load_single_file(path)
    assert read.sha256 == base.sha256
    assert (read.family, read.inpainting) == (family, inpainting)
    assert read.noise_schedule == base.noise_schedule
    if not inpainting:
        small = msgspec.structs.replace(sampling(steps=2), width=16, height=16)
        assert (drawn(read, REQUESTS, small) == drawn(base, REQUESTS, small)).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_configs_of_published_bases_follow_from_their_shapes(family: str) -> None:
    base = base_without_memory(family)
    shapes = {name: tuple(tensor.shape) for name, tensor in ldm_tensors(base).items()}
    assert checkpoint_family(Path("file"), shapes) == family
    configs = checkpoint_configs(family, shapes, velocity=family == "sd-2")
    for part, layout in LAYOUTS[family].items():
        assert {key: configs[part].get(key) for key in layout} == layout
    assert configs["unet"]["transformer_layers_per_block"] == ([1, 2, 10] if family == "sdxl" else [1, 1, 1, 1])


def test_what_is_saved_from_a_file_is_a_whole_folder(family_folders: dict[str, Path], tmp_path: Path) -> None:
    read = load_single_file(write(load_base(family_folders["sdxl"]), tmp_path / "file"))
    save_base(read, tmp_path / "folder", "float32")
    again = load_base(tmp_path / "folder")
    assert again.sha256 == read.sha256
    assert again.tokenizer_2 is not None and again.tokenizer_2.pad_token == "!"
    assert (drawn(again, REQUESTS, sampling()) == drawn(read, REQUESTS, sampling())).all()


def test_the_vocabulary_must_lie_beside_it(family_folders: dict[str, Path], tmp_path: Path) -> None:
    path = write(load_base(family_folders["sd-1"]), tmp_path / "file")
    (tmp_path / "file/tokenizer/merges.txt").unlink()
    assert code_of(path) == "missing-tokenizer"


def test_an_sd_2_must_say_what_it_predicts(tmp_path: Path) -> None:
    path = without_configs(write(conventional("sd-2", tmp_path / "folder"), tmp_path / "file"))
    assert code_of(path) == "unknown-prediction"
    shutil.copytree(tmp_path / "folder/scheduler", tmp_path / "file/scheduler")
    assert load_single_file(path).noise_schedule.prediction == "v_prediction"


@pytest.mark.parametrize("terminal", [False, True])
def test_an_sdxl_that_predicts_velocity_says_so_by_tensors_as_the_web_uis_read_it(
    tmp_path: Path, terminal: bool
) -> None:
    conventional("sdxl", tmp_path / "folder")
    config = tmp_path / "folder/scheduler/scheduler_config.json"
    changes = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": terminal}
    config.write_text(json.dumps({**json.loads(config.read_text()), **changes}))
    base = load_base(tmp_path / "folder")
    path = without_configs(write(base, tmp_path / "file"))
    marks = [name for name, tensor in read_tensors(path).items() if tensor.numel() == 0]
    assert sorted(marks) == ["v_pred", *["ztsnr"] * terminal]
    read = load_single_file(path)
    assert read.sha256 == base.sha256
    assert read.noise_schedule == base.noise_schedule


def test_files_that_are_no_checkpoint_are_refused(family_folders: dict[str, Path], tmp_path: Path) -> None:
    path = write(load_base(family_folders["sd-1"]), tmp_path / "file")
    whole = read_tensors(path)
    save_file({name: tensor for name, tensor in whole.items() if not name.startswith("first_stage")}, path)
    assert code_of(path) == "not-a-base"
    save_file({"lora_unet_x.lora_down.weight": torch.ones(1, 1)}, path)
    assert code_of(path) == "not-a-base"
    save_file(whole | {"conditioner.embedders.0.model.ln_final.weight": torch.ones(1)}, path)
    assert code_of(path) == "family-mismatch"
    cut = dict(whole)
    del cut["model.diffusion_model.out.2.weight"]
    save_file(cut, path)
    assert code_of(path) == "weights-mismatch"
    path.unlink()
    assert code_of(path) == "missing-file"


def test_tensors_that_no_unet_has_are_refused(family_folders: dict[str, Path], tmp_path: Path) -> None:
    path = write(load_base(family_folders["sdxl"]), tmp_path / "file")
    extra = {"model.diffusion_model.input_blocks.1.9.gate": torch.ones(1)}
    save_file(read_tensors(path) | extra, path, read_metadata(path))
    with pytest.raises(ArtefactError, match=r"input_blocks\.1\.9\.gate") as caught:
        load_single_file(path)
    assert caught.value.code == "weights-mismatch"


def test_the_first_files_without_a_level_of_names_and_with_averages_are_read(tmp_path: Path) -> None:
    base = conventional("sd-1", tmp_path / "folder")
    path = without_configs(write(base, tmp_path / "file"))
    renamed = {name.replace(".transformer.text_model.", ".transformer."): item
               for name, item in read_tensors(path).items()}  # fmt: skip
    renamed |= {f"model_ema.{number}": torch.ones(1) for number in range(101)}
    renamed["cond_stage_model.transformer.embeddings.position_ids"] = torch.arange(77)[None]
    save_file(renamed, path)
    assert load_single_file(path).sha256 == base.sha256


def test_pickles_are_refused_whatever_they_are_called(tmp_path: Path) -> None:
    for name in ("model.ckpt", "model.safetensors"):
        (tmp_path / name).write_bytes(pickle.dumps({"state_dict": {}}, protocol=2))
        assert code_of(tmp_path / name) == "pickled-file"
        torch.save({"state_dict": {}}, tmp_path / name)
        assert code_of(tmp_path / name) == "pickled-file"


def test_a_file_that_changes_while_it_is_read_is_noticed(
    family_folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(load_base(family_folders["sd-1"]), tmp_path / "file")

    def read_and_replace(file: Path) -> dict[str, torch.Tensor]:
        found = tensor_files.read_tensors(file)
        save_file({name: tensor + 1 for name, tensor in found.items()}, file, read_metadata(file))
        return found

    monkeypatch.setattr(single_file, "read_tensors", read_and_replace)
    assert code_of(path) == "changed-file"


def test_the_warm_cache_follows_file_and_vocabulary(family_folders: dict[str, Path], tmp_path: Path) -> None:
    path = write(load_base(family_folders["sd-1"]), tmp_path / "file")
    warm: dict[str, object] = {}
    first = warm_base(warm, path, "cpu")
    assert warm_base(warm, path, "cpu") is first
    (tmp_path / "file/tokenizer/merges.txt").touch()
    assert warm_base(warm, path, "cpu") is not first
    described = inspect_base.run(InspectBaseJob(base=str(path)), Recorder().context)
    assert described.sha256 == first.sha256


def test_the_file_tells_what_it_is(family_folders: dict[str, Path], tmp_path: Path) -> None:
    metadata = read_metadata(write(load_base(family_folders["sd-2"]), tmp_path / "file"))
    assert metadata["modelspec.architecture"] == "stable-diffusion-v2-768-v"
    assert metadata["modelspec.prediction_type"] == "v"
    assert json.loads(metadata[CONFIGS_KEY]).keys() == {"unet", "vae", "text_encoder", "scheduler"}
