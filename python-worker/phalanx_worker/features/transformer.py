"""Features of models that the library transformers holds: CLIP and DINOv2, from a folder in its layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor
from transformers import AutoImageProcessor, AutoTokenizer, CLIPModel, Dinov2Model

from phalanx_worker.errors import ArtefactError, ConfigError
from phalanx_worker.features.extractor import Extractor, require_sha256
from phalanx_worker.protocol.messages import StoredClip, StoredDinov2
from phalanx_worker.training.images import Pixels

WEIGHTS = "model.safetensors"
Loaded = TypeVar("Loaded")


class ClipExtractor(Extractor):
    """Projected embeddings of images and texts, not normalised."""

    def __init__(self, model: Any, processor: Any, tokenizer: Any, device: torch.device) -> None:
        self._model = model.to(device).eval().requires_grad_(False)
        self._processor = processor
        self._tokenizer = tokenizer
        self._device = device
        self.logit_scale = float(model.logit_scale.exp())

    @property
    def width(self) -> int:
        return int(self._model.config.projection_dim)

    def prepare(self, pixels: Pixels) -> Tensor:
        return _processed(self._processor, pixels)

    def embed(self, images: Tensor) -> Tensor:
        with torch.inference_mode():
            features: Tensor = self._model.get_image_features(pixel_values=images.to(self._device)).pooler_output
        return features

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        tokens = self._tokenizer(list(texts), padding=True, return_tensors="pt")
        limit = int(self._model.config.text_config.max_position_embeddings)
        if tokens["input_ids"].shape[1] > limit:
            lengths = tokens["attention_mask"].sum(dim=1).tolist()
            longest = max(range(len(texts)), key=lambda index: lengths[index])
            raise ConfigError(
                f'"{texts[longest][:60]}…" has {lengths[longest]} tokens, and this CLIP reads {limit}: what it would '
                "not read would count for nothing. Shorten the text.",
                code="text-too-long",
                facts={"text": texts[longest], "tokens": lengths[longest], "limit": limit},
            )
        with torch.inference_mode():
            features: Tensor = self._model.get_text_features(**tokens.to(self._device)).pooler_output
        return features


class Dinov2Extractor(Extractor):
    """The class token after the last norm."""

    def __init__(self, model: Any, processor: Any, device: torch.device) -> None:
        self._model = model.to(device).eval().requires_grad_(False)
        self._processor = processor
        self._device = device

    @property
    def width(self) -> int:
        return int(self._model.config.hidden_size)

    def prepare(self, pixels: Pixels) -> Tensor:
        return _processed(self._processor, pixels)

    def embed(self, images: Tensor) -> Tensor:
        with torch.inference_mode():
            features: Tensor = self._model(pixel_values=images.to(self._device)).pooler_output
        return features


def read_clip(settings: StoredClip, device: torch.device) -> ClipExtractor:
    """Raises ArtefactError: `missing-file`, `changed-weights`, `not-a-clip`."""
    folder = Path(settings.folder)
    require_sha256(folder / WEIGHTS, settings.sha256)

    def load() -> ClipExtractor:
        model = _model(CLIPModel, folder)
        return ClipExtractor(
            model, _processor(folder), AutoTokenizer.from_pretrained(folder, local_files_only=True), device
        )

    return _loaded(load, folder, "clip", "a CLIP")


def read_dinov2(settings: StoredDinov2, device: torch.device) -> Dinov2Extractor:
    """Raises ArtefactError: `missing-file`, `changed-weights`, `not-a-dinov2`."""
    folder = Path(settings.folder)
    require_sha256(folder / WEIGHTS, settings.sha256)
    return _loaded(
        lambda: Dinov2Extractor(_model(Dinov2Model, folder), _processor(folder), device), folder, "dinov2", "a DINOv2"
    )


def _model(kind: Any, folder: Path) -> Any:
    model, report = kind.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, dtype=torch.float32, output_loading_info=True
    )
    # The library fills up what is missing with random numbers.
    if report["missing_keys"]:
        raise ValueError(f"it lacks {sorted(report['missing_keys'])[0]}")
    return model


def _processor(folder: Path) -> Any:
    # Pillow resizes as the models were trained, and the same with and without torchvision.
    return AutoImageProcessor.from_pretrained(folder, local_files_only=True, backend="pil")


def _processed(processor: Any, pixels: Pixels) -> Tensor:
    images: Tensor = processor(images=pixels, return_tensors="pt", input_data_format="channels_last")["pixel_values"]
    return images[0]


def _loaded(load: Callable[[], Loaded], folder: Path, code: str, wanted: str) -> Loaded:
    try:
        return load()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
        raise ArtefactError(
            f"{folder} does not hold {wanted} in the layout of transformers: {str(error).splitlines()[0]} It needs "
            f"config.json, preprocessor_config.json, {WEIGHTS}, and a tokenizer where texts are read.",
            code=f"not-a-{code}",
            facts={"folder": str(folder)},
        ) from error
