"""The masked loss against its formula, and masks on their way from files to latents."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torch import Tensor

from phalanx_worker.artefacts.series import read_series
from phalanx_worker.errors import ConfigError, DatasetError
from phalanx_worker.jobs import train
from phalanx_worker.model.load import load_base
from phalanx_worker.protocol.messages import (
    BaseOutside,
    DatasetItem,
    DatasetReference,
    ImageOutside,
    ItemPicture,
    MaskedLoss,
    NothingOutside,
    Objective,
)
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.full import Full
from phalanx_worker.techniques.lora import Lora
from phalanx_worker.techniques.masked_loss import MaskedPrediction, masked_losses
from phalanx_worker.training.data import ImageFile, read_dataset
from phalanx_worker.training.images import CoverCrop
from phalanx_worker.training.mask_store import MaskStore
from phalanx_worker.training.view import View
from tests.small import CAPTIONS, PLAIN, Killed, Recorder, lora_technique, settings, subset, train_job, write_manifest

HALF = torch.zeros(1, 1, 8, 8).index_fill_(3, torch.arange(4), 1.0)
Outside = NothingOutside | ImageOutside | BaseOutside


def objective(outside: Outside) -> Objective:
    return msgspec.structs.replace(PLAIN, mask=MaskedLoss(outside=outside))


def draw(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("outside", [NothingOutside(), ImageOutside(weight=0.3), BaseOutside(weight=2.0)])
def test_the_loss_is_its_formula(base_folder: Path, outside: Outside) -> None:
    schedule = load_base(base_folder).noise_schedule
    prediction, target, base = (draw(seed, 3, 4, 8, 8).double() for seed in (1, 2, 3))
    masks = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(4)).double()
    masks[2] = 1.0
    weights = torch.tensor([1.0, 0.5, 2.0]).double()
    found = MaskedPrediction(prediction, target, torch.tensor([5, 500, 900]), masks, base)
    losses = masked_losses(objective(outside), found, schedule, weights)
    on, off, prior = [], [], []
    for row in range(3):
        mask = masks[row].expand(4, 8, 8).numpy()
        error = (prediction[row] - target[row]).numpy() ** 2
        drift = (prediction[row] - base[row]).numpy() ** 2
        on.append(float(weights[row]) * np.average(error, weights=mask))
        rest = 1 - mask
        off.append(float(weights[row]) * np.average(error, weights=rest) if rest.any() else 0.0)
        prior.append(float(weights[row]) * np.average(drift, weights=rest) if rest.any() else 0.0)
    second = {NothingOutside: [0.0], ImageOutside: off, BaseOutside: prior}[type(outside)]
    expected = np.mean(on) + getattr(outside, "weight", 0.0) * np.mean(second)
    # The same sums in double precision.
    assert float(losses.total) == pytest.approx(expected, rel=1e-6)
    assert losses.on_mask.mean() == pytest.approx(np.mean(on), rel=1e-6)
    # The third sample has no part off its mask.
    assert (losses.off_mask.mean(), losses.off_mask.samples) == (pytest.approx(sum(off) / 2, rel=1e-6), 2)


def batch(masks: Tensor | None) -> Batch:
    return Batch(Streams(7), 3, (0, 1), CAPTIONS[:2], None, draw(2, 2, 4, 8, 8), None, masks=masks)


def attached(folder: Path, outside: Outside | None, **changes: Any) -> Lora:
    technique = Lora(lora_technique(**changes), PLAIN if outside is None else objective(outside))
    technique.attach(load_base(folder), Streams(3))
    with torch.no_grad():
        for name, parameter in technique.state().items():
            if "lora_up" in name:
                parameter.copy_(0.1 * draw(5, *parameter.shape))
    return technique


def test_a_white_mask_is_no_mask(base_folder: Path) -> None:
    plain = attached(base_folder, None).loss(batch(None))
    white = attached(base_folder, ImageOutside(weight=1.0)).losses(batch(torch.ones(2, 1, 8, 8)))
    # One mean is a sum over a sum here and a mean there.
    assert float(white.total.detach()) == pytest.approx(float(plain.detach()), rel=1e-6)
    assert white.off_mask.mean() is None


def test_a_small_mask_weighs_as_much_as_a_large_one(base_folder: Path) -> None:
    technique = attached(base_folder, NothingOutside())
    small, large = torch.zeros(2, 1, 8, 8), HALF.expand(2, 1, 8, 8)
    small[:, :, 3, 3] = 1
    norms = []
    for masks in (small, large):
        gradients = torch.autograd.grad(
            technique.loss(batch(masks)), list(technique.parameter_groups()[0].parameters.values())
        )
        norms.append(float(torch.stack([item.norm() for item in gradients]).norm()))
    # A mean over all pixels would make the first 32 times smaller.
    assert norms[0] > norms[1] / 4


def test_the_prior_is_the_base_alone_also_with_its_own_text_encoder(base_folder: Path) -> None:
    technique = attached(base_folder, BaseOutside(weight=1.0), module_dropout=0.3)
    losses = technique.losses(batch(HALF.expand(2, 1, 8, 8)))
    on = losses.on_mask.mean() or 0.0
    drift = float(losses.total.detach()) - on
    assert drift > 0
    with torch.no_grad():
        for name, parameter in technique.state().items():
            if "lora_up" in name:
                parameter.zero_()
        still = technique.losses(batch(HALF.expand(2, 1, 8, 8)))
    # An adapter without change predicts what the base does, bit by bit.
    assert float(still.total) == pytest.approx(still.on_mask.mean(), rel=1e-7)


def test_techniques_that_lose_the_base_refuse_its_prior() -> None:
    with pytest.raises(ConfigError) as caught:
        Full(settings().technique, objective(BaseOutside(weight=1.0)))  # type: ignore[arg-type]
    assert caught.value.code == "prior-without-base"


def masked_dataset(folder: Path, shown: Any = slice(0, 9), without: tuple[int, ...] = ()) -> DatasetReference:
    """Four images of 24 x 16 whose masks are white in the columns `shown`."""
    folder.mkdir()
    items = []
    for index in range(4):
        pixels = np.random.default_rng(index).integers(0, 256, (16, 24, 3), dtype=np.uint8)
        mask = np.zeros((16, 24), np.uint8)
        mask[:, shown] = 255
        Image.fromarray(pixels).save(folder / f"{index}.png")
        Image.fromarray(mask).save(folder / f"{index}.mask.png")
        image, picture = (ItemPicture(file=name, sha256=hashlib.sha256((folder / name).read_bytes()).hexdigest())
                          for name in (f"{index}.png", f"{index}.mask.png"))  # fmt: skip
        items.append(
            DatasetItem(
                file=image.file,
                sha256=image.sha256,
                caption=CAPTIONS[index],
                width=24,
                height=16,
                fingers=None,
                defect=None,
                control=None,
                mask=None if index in without else picture,
                repeats=1,
            )
        )
    return write_manifest(folder, items)


def files(reference: DatasetReference, size: int = 16) -> list[ImageFile]:
    return [ImageFile(Path(reference.root), item, CoverCrop(size, size)) for item in read_dataset(reference)]


def test_masks_are_cropped_mirrored_and_brought_to_the_latents(tmp_path: Path) -> None:
    reference = masked_dataset(tmp_path / "images")
    store = MaskStore(files(reference), [subset(reference)] * 4, of_loss=True)
    masks = store.masks([0, 0], [View(), View(flipped=True)], torch.Size([8, 8]))
    # The crop takes columns 4 to 19, of which 4 to 8 are white: two latents and half of the third.
    expected = torch.tensor([1.0, 1.0, 0.5, 0, 0, 0, 0, 0]).expand(8, 8)
    assert torch.equal(masks[0, 0], expected) and torch.equal(masks[1, 0], expected.flip(1))


def test_an_alpha_channel_is_a_mask(tmp_path: Path) -> None:
    reference = masked_dataset(tmp_path / "images")
    image = Image.open(tmp_path / "images/0.png").convert("RGB")
    mask = Image.open(tmp_path / "images/0.mask.png")
    image.putalpha(mask)
    image.save(tmp_path / "images/alpha.png")
    digest = hashlib.sha256((tmp_path / "images/alpha.png").read_bytes()).hexdigest()
    item = msgspec.structs.replace(
        read_dataset(reference)[0], file="alpha.png", sha256=digest, mask=ItemPicture(file="alpha.png", sha256=digest)
    )
    both = [*files(reference)[:1], ImageFile(tmp_path / "images", item, CoverCrop(16, 16))]
    masks = MaskStore(both, [subset(reference)] * 2, of_loss=True).masks([0, 1], [View()] * 2, torch.Size([8, 8]))
    assert torch.equal(masks[0], masks[1])
    assert ImageOps.grayscale(mask).getextrema() == (0, 255)


def test_class_images_need_no_mask(tmp_path: Path) -> None:
    reference = masked_dataset(tmp_path / "images", without=(2,))
    own = subset(reference)
    store = MaskStore(files(reference), [own, own, subset(reference, regularisation=True), own], of_loss=True)
    assert bool((store.masks([2], [View()], torch.Size([8, 8])) == 1).all())


@pytest.mark.parametrize(
    ("made", "code"), [({"without": (1,)}, "missing-mask"), ({"shown": slice(0, 3)}, "empty-mask")]
)
def test_masks_that_say_nothing_are_refused(tmp_path: Path, made: dict[str, Any], code: str) -> None:
    reference = masked_dataset(tmp_path / "images", **made)
    with pytest.raises(DatasetError) as caught:
        MaskStore(files(reference), [subset(reference)] * 4, of_loss=True)
    assert caught.value.code == code


def test_a_masked_training_tells_both_losses_and_resumes_bit_equal(base_folder: Path, tmp_path: Path) -> None:
    reference = masked_dataset(tmp_path / "images")
    changes: dict[str, Any] = {
        "technique": lora_technique(parts=("unet",)),
        "objective": objective(BaseOutside(weight=0.5)),
        "steps": 4,
        "accumulation": 1,
        "checkpoint_every": 2,
    }
    whole, parted = (train_job(base_folder, reference, tmp_path / name, **changes) for name in ("whole", "parted"))
    expected = train.run(whole, Recorder().context)
    with pytest.raises(Killed):
        train.run(parted, Recorder(raise_after=3).context)
    assert train.run(parted, Recorder().context).sha256 == expected.sha256
    lines = read_series(Path(expected.series))
    assert all(line.on_mask_loss and line.off_mask_loss for line in lines)
    # An adapter that has learnt nothing is the base itself, whose prior is 0.
    assert lines[0].loss == pytest.approx(lines[0].on_mask_loss, rel=1e-6)
    assert lines[3].loss > lines[3].on_mask_loss  # type: ignore[operator]
