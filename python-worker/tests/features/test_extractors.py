"""Features of images and texts: each equals what its reference makes of the same weights."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from transformers import AutoTokenizer, CLIPModel, Dinov2Model
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from phalanx_worker.errors import ArtefactError, ConfigError
from phalanx_worker.features.extractor import Extractor
from phalanx_worker.features.inception import pillow_bicubic, read_inception, tensorflow_bilinear
from phalanx_worker.features.sharpness import SharpnessExtractor
from phalanx_worker.features.transformer import read_clip, read_dinov2
from phalanx_worker.protocol.messages import StoredClip, StoredDinov2, StoredInception
from phalanx_worker.training.images import Pixels
from tests.features.extractors import inception_weights, make_clip, make_dinov2, pictures, sha256_of, wave
from tests.features.references import needs_references, reference_module

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inception") / "inception.pth"
    torch.save(inception_weights(), path)
    return path


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip")


def inception_settings(path: Path, resize: str = "tensorflow-bilinear") -> StoredInception:
    return StoredInception(weights=str(path), sha256=sha256_of(path), resize=resize)  # type: ignore[arg-type]


def clip_settings(folder: Path) -> StoredClip:
    return StoredClip(folder=str(folder), sha256=sha256_of(folder / "model.safetensors"))


def features_of(extractor: Extractor, pixels: Pixels) -> torch.Tensor:
    return extractor.embed(extractor.prepare(pixels)[None])[0]


def test_the_layout_is_that_of_the_published_weights() -> None:
    shapes = [f"{name} {tuple(tensor.shape)}" for name, tensor in sorted(inception_weights().items())]
    # Of the state of torch-fidelity 0.4.0, which reads pt_inception-2015-12-05-6726825d.pth strictly.
    known = "760681d791cb624e1bf7a2e802a68933dd17aa5e3109fcf498d9dfa521bc10d7"
    assert hashlib.sha256("\n".join(shapes).encode()).hexdigest() == known


def test_inception_gives_what_torch_fidelity_gave(weights: Path) -> None:
    features = features_of(read_inception(inception_settings(weights), CPU), wave(120, 80))
    # By torch-fidelity 0.4.0 from the same weights and picture; float32 sums in another order may differ.
    known = [0.0, 0.0, 0.0, 33.529090881347656, 7.283842086791992, 18.776626586914062]
    assert features[:6].tolist() == pytest.approx(known, rel=1e-3)
    assert float(features.mean()) == pytest.approx(8.207246780395508, rel=1e-4)
    assert float(features.std()) == pytest.approx(10.899293899536133, rel=1e-4)


@needs_references
def test_inception_equals_torch_fidelity(weights: Path) -> None:
    theirs = reference_module("torch_fidelity", "feature_extractor_inceptionv3").FeatureExtractorInceptionV3(
        "inception", ["2048"], feature_extractor_weights_path=str(weights)
    )
    ours = read_inception(inception_settings(weights), CPU)
    for pixels in pictures():
        (expected,) = theirs(torch.from_numpy(pixels).permute(2, 0, 1)[None])
        # Same operations in the same order.
        torch.testing.assert_close(features_of(ours, pixels), expected[0], rtol=1e-5, atol=1e-5)


@needs_references
def test_bicubic_resize_equals_clean_fid() -> None:
    resize = reference_module("cleanfid", "resize").build_resizer("clean")
    for pixels in pictures():
        expected = torch.from_numpy(resize(pixels)).permute(2, 0, 1)
        torch.testing.assert_close(pillow_bicubic(pixels), expected, rtol=0, atol=0)


def test_bicubic_resize_does_not_round() -> None:
    resized = pillow_bicubic(wave(400, 500))
    assert resized.shape == (3, 299, 299)
    assert float(resized.min()) >= 0 and float(resized.max()) <= 255
    assert float((resized - resized.round()).abs().max()) > 0.4


@pytest.mark.parametrize("width, height", [(64, 80), (299, 299), (640, 480), (1, 2)])
def test_bilinear_resize_equals_its_formula(width: int, height: int) -> None:
    pixels = wave(width, height)
    resized = tensorflow_bilinear(pixels)
    random = np.random.default_rng(0)
    for _ in range(200):
        channel, row, column = int(random.integers(3)), int(random.integers(299)), int(random.integers(299))
        y, x = row * height / 299, column * width / 299
        expected = 0.0
        for j, part in ((math.floor(y), 1 - y % 1), (math.floor(y) + 1, y % 1)):
            for i, share in ((math.floor(x), 1 - x % 1), (math.floor(x) + 1, x % 1)):
                expected += part * share * float(pixels[min(j, height - 1), min(i, width - 1), channel])
        # Places are float32: 640 pixels leave an error of 4e-5 pixels, times 255 a pixel.
        assert float(resized[channel, row, column]) == pytest.approx(expected, abs=0.02)


def test_clip_equals_transformers(clip_folder: Path) -> None:
    ours = read_clip(clip_settings(clip_folder), CPU)
    model = CLIPModel.from_pretrained(clip_folder, local_files_only=True).eval()
    processor = CLIPImageProcessorPil.from_pretrained(clip_folder, local_files_only=True)
    texts = ["a photo of a hand", "a fist"]
    tokens = AutoTokenizer.from_pretrained(clip_folder, local_files_only=True)(texts, padding=True, return_tensors="pt")
    for pixels in pictures():
        inputs = processor(images=Image.fromarray(pixels), return_tensors="pt")
        with torch.no_grad():
            theirs = model(**inputs, **tokens)
        # The whole model normalises; its logits are the scaled cosines.
        image = torch.nn.functional.normalize(features_of(ours, pixels), dim=0)
        torch.testing.assert_close(image, theirs.image_embeds[0], rtol=1e-5, atol=1e-6)
        text = torch.nn.functional.normalize(ours.embed_texts(texts), dim=1)
        assert ours.logit_scale is not None
        torch.testing.assert_close(ours.logit_scale * text @ image, theirs.logits_per_image[0], rtol=1e-5, atol=1e-5)
    assert ours.width == 24


def test_dinov2_equals_transformers(tmp_path: Path) -> None:
    folder = make_dinov2(tmp_path / "dinov2")
    ours = read_dinov2(StoredDinov2(folder=str(folder), sha256=sha256_of(folder / "model.safetensors")), CPU)
    model = Dinov2Model.from_pretrained(folder, local_files_only=True).eval()
    processor = BitImageProcessorPil.from_pretrained(folder, local_files_only=True)
    for pixels in pictures():
        with torch.no_grad():
            theirs = model(**processor(images=Image.fromarray(pixels), return_tensors="pt"))
        torch.testing.assert_close(features_of(ours, pixels), theirs.last_hidden_state[0, 0], rtol=1e-5, atol=1e-6)
    with pytest.raises(ConfigError, match="Use a CLIP") as caught:
        ours.embed_texts(["a hand"])
    assert caught.value.code == "no-text-features"


def test_a_text_is_never_cut(clip_folder: Path) -> None:
    extractor = read_clip(clip_settings(clip_folder), CPU)
    with pytest.raises(ConfigError) as caught:
        extractor.embed_texts(["a hand", "hand " * 100])
    assert caught.value.code == "text-too-long"
    assert caught.value.facts["limit"] == 77 and str(caught.value.facts["text"]).startswith("hand hand")


class Payload:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path(self.path),))  # type: ignore[return-value]


def test_weights_that_are_something_else_are_refused(tmp_path: Path, weights: Path, clip_folder: Path) -> None:
    hostile = tmp_path / "hostile.pth"
    torch.save({"Conv2d_1a_3x3.conv.weight": Payload(str(tmp_path / "ran"))}, hostile)
    partial = tmp_path / "partial.pth"
    torch.save({"Conv2d_1a_3x3.conv.weight": torch.zeros(32, 3, 3, 3)}, partial)
    cut = tmp_path / "cut.pth"
    cut.write_bytes(weights.read_bytes()[:100_000])
    for path in (hostile, partial, cut):
        with pytest.raises(ArtefactError) as caught:
            read_inception(inception_settings(path), CPU)
        assert caught.value.code == "not-an-inception"
    assert not (tmp_path / "ran").exists()
    changed = StoredInception(weights=str(weights), sha256="0" * 64, resize="pillow-bicubic")
    with pytest.raises(ArtefactError) as caught:
        read_inception(changed, CPU)
    assert caught.value.code == "changed-weights"
    other = make_dinov2(tmp_path / "other")
    with pytest.raises(ArtefactError) as caught:
        read_clip(clip_settings(other), CPU)
    assert caught.value.code == "not-a-clip"
    with pytest.raises(ArtefactError) as caught:
        read_dinov2(StoredDinov2(folder=str(tmp_path), sha256="0" * 64), CPU)
    assert caught.value.code == "missing-file"
    settings = clip_settings(clip_folder)
    with pytest.raises(ArtefactError) as caught:
        read_dinov2(StoredDinov2(folder=settings.folder, sha256=settings.sha256), CPU)
    assert caught.value.code == "not-a-dinov2"


def test_sharpness_is_the_variance_of_the_laplacian() -> None:
    pixels = wave(40, 30)
    luma = pixels.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    edges = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * luma[1:-1, 1:-1]
    extractor = SharpnessExtractor()
    assert float(features_of(extractor, pixels)[0]) == pytest.approx(edges.var(), rel=1e-4)
    blurred = np.array(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(2)))
    assert float(features_of(extractor, blurred)[0]) < 0.2 * edges.var()
    assert float(features_of(extractor, wave(2, 30))[0]) == 0
