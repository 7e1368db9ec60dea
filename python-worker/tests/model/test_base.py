"""Making, reading and writing bases, against plain diffusers and transformers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest
import torch
from diffusers import DDPMScheduler, StableDiffusionPipeline
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from phalanx_worker.errors import ArtefactError, ConfigError
from phalanx_worker.jobs import create_base as create_job
from phalanx_worker.jobs import inspect_base
from phalanx_worker.model.create import create_base
from phalanx_worker.model.load import load_base
from phalanx_worker.model.noise_schedule import noise_schedule_from_config
from phalanx_worker.model.save import save_base
from phalanx_worker.model.text import embed_texts, read_texts
from phalanx_worker.model.warm import warm_base
from phalanx_worker.protocol.messages import CreateBaseJob, InspectBaseJob
from tests.small import ARCHITECTURE, CAPTIONS, Recorder

TEXTS = ["a photo of a hand", "", "Ünïcode, 12 zebras!? don't", "a " * 100]


@pytest.fixture
def broken(base_folder: Path, tmp_path: Path) -> Path:
    """A copy of the base to break."""
    return Path(shutil.copytree(base_folder, tmp_path / "broken"))


def code_of(folder: Path) -> str:
    with pytest.raises(ArtefactError) as caught:
        load_base(folder)
    return caught.value.code


@pytest.mark.parametrize("weights", ["float32", "float16"])
def test_plain_diffusers_loads_and_runs_it(base_folder: Path, tmp_path: Path, weights: str) -> None:
    save_base(load_base(base_folder), tmp_path / "base", "float16" if weights == "float16" else "float32")
    base = load_base(tmp_path / "base")
    pipeline = StableDiffusionPipeline.from_pretrained(tmp_path / "base", safety_checker=None, local_files_only=True)
    for part, module in base.parts.items():
        theirs = getattr(pipeline, part).state_dict()
        ours = module.state_dict()
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(theirs[name].float(), tensor) for name, tensor in ours.items())
    ids = pipeline.tokenizer(TEXTS, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
    assert torch.equal(read_texts(base, base.tokenizer, TEXTS).ids[:, 0], ids)
    with torch.no_grad():
        torch.testing.assert_close(embed_texts(base, TEXTS).embeddings, pipeline.text_encoder(ids)[0])
    pipeline.set_progress_bar_config(disable=True)
    picture = pipeline("a hand", num_inference_steps=2, height=16, width=16, output_type="np").images
    assert picture.shape == (1, 16, 16, 3)


def test_the_same_seed_makes_the_same_base(base_folder: Path, tmp_path: Path) -> None:
    for seed in (1, 2):
        create_base(ARCHITECTURE, CAPTIONS, seed, tmp_path / str(seed), "float32")
    assert load_base(tmp_path / "1").sha256 == load_base(base_folder).sha256 != load_base(tmp_path / "2").sha256


def test_saving_and_loading_keeps_every_bit(base_folder: Path, tmp_path: Path) -> None:
    base = load_base(base_folder)
    save_base(base, tmp_path / "copy", "float32")
    assert load_base(tmp_path / "copy").sha256 == base.sha256
    save_base(base, tmp_path / "half", "float16")
    half = load_base(tmp_path / "half")
    assert half.sha256 != base.sha256
    assert all(p.dtype == torch.float32 for module in half.parts.values() for p in module.parameters())


def test_the_jobs_describe_and_create(tmp_path: Path) -> None:
    job = CreateBaseJob(
        architecture=ARCHITECTURE, captions=CAPTIONS, seed=1, output=str(tmp_path / "a"), weights="float16"
    )
    result = create_job.run(job, Recorder().context)
    assert result.bytes == sum(path.stat().st_size for path in (tmp_path / "a").rglob("*") if path.is_file())
    described = inspect_base.run(InspectBaseJob(base=str(tmp_path / "a")), Recorder().context)
    assert (described.image_size, described.latent_channels, described.text_width) == (16, 4, 16)
    assert described.sha256 == load_base(tmp_path / "a").sha256
    stored = load_file(tmp_path / "a/unet/diffusion_pytorch_model.safetensors")
    assert described.unet_parameters == sum(tensor.numel() for tensor in stored.values())


@pytest.mark.parametrize("change", [{"image_size": 24}, {"norm_groups": 5}, {"text_heads": 3}])
def test_an_architecture_that_does_not_divide_is_refused(tmp_path: Path, change: dict[str, int]) -> None:
    with pytest.raises(ConfigError) as caught:
        create_base(msgspec.structs.replace(ARCHITECTURE, **change), CAPTIONS, 1, tmp_path / "a", "float32")
    assert caught.value.code == "architecture-mismatch"
    assert not (tmp_path / "a").exists()


def test_what_is_missing_is_told(broken: Path) -> None:
    (broken / "vae/config.json").unlink()
    with pytest.raises(ArtefactError, match=r"vae/config\.json") as caught:
        load_base(broken)
    assert caught.value.code == "not-a-base"
    assert code_of(broken / "nowhere") == "not-a-base"


def test_broken_weights_are_refused(broken: Path) -> None:
    file = broken / "unet/diffusion_pytorch_model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    assert code_of(broken) == "broken-file"
    tensors = load_file(broken / "vae/diffusion_pytorch_model.safetensors")
    torch.save(tensors, file)
    assert code_of(broken) == "pickled-file"
    save_file(tensors, file)
    assert code_of(broken) == "weights-mismatch"
    file.rename(file.with_suffix(".bin"))
    assert code_of(broken) == "pickled-file"


@pytest.mark.parametrize("number", [float("nan"), float("-inf")])
def test_weights_that_are_no_numbers_are_refused_with_their_name(broken: Path, number: float) -> None:
    file = broken / "unet/diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    tensors["mid_block.resnets.0.conv1.weight"][1, 2, 0, 0] = number
    save_file(tensors, file)
    with pytest.raises(ArtefactError, match=r"1 tensors such as mid_block\.resnets\.0\.conv1\.weight") as caught:
        load_base(broken)
    assert caught.value.code == "weights-not-finite"


def test_other_families_are_refused(broken: Path) -> None:
    config = json.loads((broken / "text_encoder/config.json").read_text())
    (broken / "text_encoder/config.json").write_text(json.dumps({**config, "hidden_size": 32}))
    assert code_of(broken) == "family-mismatch"
    (broken / "text_encoder/config.json").write_text("{")
    assert code_of(broken) == "broken-file"


def test_an_unknown_prediction_is_refused(broken: Path) -> None:
    file = broken / "scheduler/scheduler_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "prediction_type": "sample"}))
    assert code_of(broken) == "unknown-scheduler"


def test_the_warm_cache_follows_the_files(broken: Path) -> None:
    warm: dict[str, object] = {}
    first = warm_base(warm, broken, "cpu")
    assert warm_base(warm, broken, "cpu") is first
    file = broken / "unet/diffusion_pytorch_model.safetensors"
    save_file({name: tensor + 1 for name, tensor in load_file(file).items()}, file)
    assert warm_base(warm, broken, "cpu") is not first


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("betas", ["linear", "scaled_linear"])
def test_noise_and_targets_equal_those_of_diffusers(prediction: str, betas: str) -> None:
    reference = DDPMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule=betas, prediction_type=prediction, clip_sample=False
    )
    schedule = noise_schedule_from_config(dict(reference.config))
    generator = torch.Generator().manual_seed(0)
    sample, noise = (torch.randn(4, 2, 3, 3, generator=generator) for _ in range(2))
    timesteps = torch.tensor([0, 1, 500, 999])
    # Both compute in float32; the tables differ in the last bits.
    close = {"rtol": 1e-5, "atol": 1e-5}
    expected = reference.add_noise(sample, noise, timesteps)
    torch.testing.assert_close(schedule.add_noise(sample, noise, timesteps), expected, **close)
    target = noise if prediction == "epsilon" else reference.get_velocity(sample, noise, timesteps)
    torch.testing.assert_close(schedule.target(sample, noise, timesteps), target, **close)


@pytest.mark.parametrize("betas", ["linear", "scaled_linear"])
def test_a_terminal_snr_of_0_is_that_of_diffusers(betas: str) -> None:
    config = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": betas, "prediction_type": "v_prediction"}
    reference = DDPMScheduler(**config, rescale_betas_zero_snr=True)
    schedule = noise_schedule_from_config({**config, "rescale_betas_zero_snr": True})
    assert float(schedule.alphas_cumprod[-1]) == 0
    torch.testing.assert_close(schedule.alphas_cumprod, reference.alphas_cumprod, rtol=1e-5, atol=1e-7)
    sample, noise = torch.randn(2, 1, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    last = torch.tensor([999])
    assert torch.equal(schedule.add_noise(sample, noise, last), noise)
    assert torch.equal(schedule.target(sample, noise, last), -sample)


@pytest.mark.parametrize("odd", [{"rescale_betas_zero_snr": True}, {"trained_betas": [0.1, 0.2]}])
def test_a_schedule_that_cannot_be_right_is_refused(odd: dict[str, object]) -> None:
    with pytest.raises(ArtefactError) as caught:
        noise_schedule_from_config(odd)
    assert caught.value.code == "unknown-scheduler"


def test_tokens_beyond_the_length_are_counted(base_folder: Path) -> None:
    base = load_base(base_folder)
    words = len(base.tokenizer("a", add_special_tokens=False)["input_ids"])
    assert read_texts(base, base.tokenizer, ["a " * 80, "a"]).truncated == (80 * words - 75, 0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(text=st.text(max_size=40))
def test_any_text_has_tokens_and_none_is_unknown(base_folder: Path, text: str) -> None:
    base = TOKENIZERS.setdefault(base_folder, load_base(base_folder))
    body = base.tokenizer(text, add_special_tokens=False)["input_ids"]
    assert base.tokenizer.unk_token_id not in body or "<|endoftext|>" in text.lower()


TOKENIZERS: dict[Path, object] = {}  # type: ignore[type-arg]


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "xpu"])
def test_a_device_that_is_not_there_is_told(base_folder: Path, device: str) -> None:
    with pytest.raises(ConfigError) as caught:
        warm_base({}, base_folder, device)
    assert caught.value.code == "device-unavailable" and caught.value.facts == {"device": device}
    assert "'cpu'" in str(caught.value)
