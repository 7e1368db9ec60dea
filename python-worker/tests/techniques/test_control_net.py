"""Training of a ControlNet: its loss, its file, and the base that stays as it is."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, DDPMScheduler, StableDiffusionPipeline
from PIL import Image

from phalanx_worker.artefacts.series import read_series
from phalanx_worker.errors import ConfigError, DatasetError
from phalanx_worker.jobs import train
from phalanx_worker.model.base import base_sha256
from phalanx_worker.model.control_net import control_net_from, read_control_net
from phalanx_worker.model.load import load_base
from phalanx_worker.protocol.messages import (
    ControlNetTechnique,
    DatasetReference,
    ImageEndEvent,
    ItemPicture,
    PreviewSettings,
    TrainJob,
)
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.control_net import ControlNetTraining
from phalanx_worker.techniques.losses import Losses
from phalanx_worker.training.data import read_dataset
from tests.drawing import preview_sampling, sampling
from tests.small import ARCHITECTURE, PLAIN, Killed, Recorder, make_base, make_dataset, train_job, write_manifest

TECHNIQUE = ControlNetTechnique(channels=(16, 32, 96, 256), start=None, weights="float32")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> DatasetReference:
    """Five images, each with a picture that controls it."""
    folder = tmp_path_factory.mktemp("pairs") / "images"
    items = []
    for index, item in enumerate(read_dataset(make_dataset(folder, 5))):
        pixels = np.random.default_rng(100 + index).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        file = folder / f"{index}.control.png"
        Image.fromarray(pixels).save(file)
        control = ItemPicture(file=file.name, sha256=hashlib.sha256(file.read_bytes()).hexdigest())
        items.append(msgspec.structs.replace(item, control=control))
    return write_manifest(folder, items)


def job_for(base: Path, dataset: DatasetReference, output: Path, **changes: object) -> TrainJob:
    return train_job(base, dataset, output, technique=TECHNIQUE, **changes)


def test_the_first_loss_is_that_of_a_plain_step(base_folder: Path) -> None:
    base = load_base(base_folder)
    technique = ControlNetTraining(TECHNIQUE, PLAIN)
    technique.attach(base, Streams(3))
    # What begins at zero would hide everything else.
    net = ControlNetModel.from_unet(base.unet, conditioning_embedding_out_channels=(16, 32))
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)
    technique.load_state(net.state_dict())
    pictures = torch.rand(2, 3, 16, 16, generator=generator)
    latents = torch.randn(2, 4, 8, 8, generator=generator)
    captions = ("a photo of a hand", "a drawing of a fist")
    made = StableDiffusionPipeline.from_pretrained(base_folder, local_files_only=True)
    ids = made.tokenizer(list(captions), padding="max_length", max_length=77, return_tensors="pt").input_ids
    with torch.no_grad():
        texts = made.text_encoder(ids)[0]
    batch = Batch(Streams(3), 1, (0, 1), captions, None, latents, None, controls=pictures)
    loss = technique.loss(batch)

    noise, steps = batch.normal("noise", (4, 8, 8)), batch.integers("timestep", 1000)
    noisy = DDPMScheduler.from_config(made.scheduler.config).add_noise(latents, noise, steps)
    down, middle = net(noisy, steps, texts, controlnet_cond=pictures, return_dict=False)
    given = {"down_block_additional_residuals": down, "mid_block_additional_residual": middle}
    prediction = made.unet(noisy, steps, texts, **given).sample
    expected = torch.nn.functional.mse_loss(prediction, noise)
    # The same numbers added in another order.
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)
    gradients = torch.autograd.grad(loss, list(technique.parameter_groups()[0].parameters.values()))
    others = torch.autograd.grad(expected, list(net.parameters()))
    for name, found, other in zip(dict(net.named_parameters()), gradients, others, strict=True):
        torch.testing.assert_close(found, other, rtol=1e-3, atol=1e-6, msg=name)
    technique.detach()
    assert base_sha256(base.parts) == base.sha256
    assert not any(parameter.requires_grad for parameter in base.unet.parameters())


def test_it_learns_goes_on_bit_equal_and_its_folder_loads_in_diffusers(
    base_folder: Path, pairs: DatasetReference, tmp_path: Path
) -> None:
    preview = PreviewSettings(
        every=8, prompts=("a hand",), negative_prompt="", seeds=(1,), sampling=preview_sampling(sampling(steps=2)),
        control=str(Path(pairs.root) / "0.control.png"),
    )  # fmt: skip
    recorder = Recorder()
    whole = train.run(job_for(base_folder, pairs, tmp_path / "whole", preview=preview), recorder.context)
    assert (whole.kind, whole.steps) == ("control-net", 8)
    assert len([event for event in recorder.events if isinstance(event, ImageEndEvent)]) == 1
    stopped = Recorder(stop_after=4)
    with pytest.raises(BaseException, match="cancelled"):
        train.run(job_for(base_folder, pairs, tmp_path / "cut"), stopped.context)
    assert train.run(job_for(base_folder, pairs, tmp_path / "cut"), Recorder().context).sha256 == whole.sha256
    assert read_series(tmp_path / "cut/series.jsonl")[-1].loss == read_series(tmp_path / "whole/series.jsonl")[-1].loss
    loaded = ControlNetModel.from_pretrained(whole.path, local_files_only=True)
    base = load_base(base_folder)
    ours = read_control_net(Path(whole.path), base).module.state_dict()
    assert all(torch.equal(item, ours[name]) for name, item in loaded.state_dict().items())
    begun = control_net_from(base, (16, 32), 0).state_dict()
    # The zero convolutions learned first.
    name = "controlnet_down_blocks.0.weight"
    assert float(begun[name].abs().max()) == 0 and float(ours[name].abs().max()) > 0


def test_beside_an_inpainting_base_it_reads_latents_alone_and_goes_on_bit_equal(
    pairs: DatasetReference, tmp_path: Path
) -> None:
    folder = make_base(tmp_path / "base", 1, msgspec.structs.replace(ARCHITECTURE, inpainting=True))
    whole = train.run(job_for(folder, pairs, tmp_path / "whole", steps=4, checkpoint_every=2), Recorder().context)
    halted = job_for(folder, pairs, tmp_path / "halted", steps=4, checkpoint_every=2)
    with pytest.raises(Killed):
        train.run(halted, Recorder(raise_after=3).context)
    again = train.run(halted, Recorder().context)
    assert (again.resumed_from, again.sha256) == (2, whole.sha256)
    net = ControlNetModel.from_pretrained(whole.path, local_files_only=True)
    assert net.config.in_channels == 4


def test_it_starts_from_another_one(base_folder: Path, pairs: DatasetReference, tmp_path: Path) -> None:
    first = train.run(job_for(base_folder, pairs, tmp_path / "first", steps=2), Recorder().context)
    technique = ControlNetTraining(msgspec.structs.replace(TECHNIQUE, start=first.path), PLAIN)
    base = load_base(base_folder)
    technique.attach(base, Streams(0))
    ours = read_control_net(Path(first.path), base).module.state_dict()
    assert all(torch.equal(item, ours[name]) for name, item in technique.state().items())


def test_a_mirrored_image_has_a_mirrored_picture(base_folder: Path, pairs: DatasetReference, tmp_path: Path) -> None:
    seen = []
    original = ControlNetTraining.losses

    def spy(self: ControlNetTraining, batch: Batch) -> Losses:
        seen.append(batch)
        return original(self, batch)

    job = job_for(base_folder, pairs, tmp_path / "run", steps=3, flip=True, accumulation=1, batch_size=5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ControlNetTraining, "losses", spy)
        train.run(job, Recorder().context)
    streams = Streams(job.settings.seed)
    files = sorted(Path(pairs.root).glob("*.control.png"))
    known = [np.asarray(Image.open(file)) for file in files]
    mirrored = 0
    for batch in seen:
        assert batch.controls is not None
        for sample, picture in zip(batch.samples, batch.controls, strict=True):
            levels = (picture.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
            flipped = streams.uniform("flip", batch.step, sample) < 0.5
            mirrored += flipped
            assert any(np.array_equal(levels, item[:, ::-1] if flipped else item) for item in known)
    assert 0 < mirrored < 15


def test_images_without_pictures_and_previews_without_one_are_refused(
    base_folder: Path, dataset: DatasetReference, pairs: DatasetReference, tmp_path: Path
) -> None:
    with pytest.raises(DatasetError) as caught:
        train.run(job_for(base_folder, dataset, tmp_path / "a"), Recorder().context)
    assert caught.value.code == "missing-control"
    preview = PreviewSettings(
        every=1,
        prompts=("a hand",),
        negative_prompt="",
        seeds=(1,),
        sampling=preview_sampling(sampling(steps=2)),
        control=None,
    )
    with pytest.raises(ConfigError) as refused:
        train.run(job_for(base_folder, pairs, tmp_path / "b", preview=preview), Recorder().context)
    assert refused.value.code == "preview-without-control"
