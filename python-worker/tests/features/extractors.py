"""Extractors of the true layout with random weights, and pictures to look at."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import BitImageProcessor, CLIPConfig, CLIPImageProcessor, CLIPModel, Dinov2Config, Dinov2Model

from phalanx_worker.features.inception_network import InceptionNetwork
from phalanx_worker.training.images import Pixels
from tests.features.references import PHOTOGRAPHS

TOKENIZER = Path(__file__).parents[3] / "src" / "weights" / "tiny-hands" / "tokenizer"


def inception_weights() -> dict[str, Tensor]:
    """Weights of the published layout that keep the size of activations, the same every time."""
    random = torch.Generator().manual_seed(0)
    weights = InceptionNetwork().state_dict()
    for name, tensor in weights.items():
        if name.endswith("conv.weight"):
            tensor.copy_(torch.randn(tensor.shape, generator=random) * (2 / tensor[0].numel()) ** 0.5)
        elif name.endswith("running_var"):
            tensor.copy_(torch.rand(tensor.shape, generator=random) + 0.5)
        elif tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=random) * 0.2 + name.endswith("bn.weight"))
    return {**weights, "fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}


def make_clip(folder: Path) -> Path:
    """A CLIP of some thousand random weights with the tokenizer of tiny-hands."""
    shutil.copytree(TOKENIZER, folder)
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {**small, "vocab_size": 758, "bos_token_id": 756, "eos_token_id": 757, "projection_dim": 24}
    vision = {**small, "image_size": 64, "patch_size": 16, "projection_dim": 24}
    torch.manual_seed(1)
    CLIPModel(CLIPConfig(projection_dim=24, text_config=text, vision_config=vision)).save_pretrained(folder)
    size = {"height": 64, "width": 64}
    CLIPImageProcessor(size={"shortest_edge": 64}, crop_size=size).save_pretrained(folder)
    return folder


def make_dinov2(folder: Path) -> Path:
    """A DINOv2 of some thousand random weights."""
    torch.manual_seed(2)
    small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 56, "patch_size": 14}
    Dinov2Model(Dinov2Config(**small)).save_pretrained(folder)
    size = {"height": 56, "width": 56}
    BitImageProcessor(size={"shortest_edge": 64}, crop_size=size).save_pretrained(folder)
    return folder


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def wave(width: int, height: int) -> Pixels:
    """A picture that differs everywhere, [height, width, 3]."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([(x * 2) % 256, (y * 3) % 256, (x * y) % 256], 2).astype(np.uint8)


def pictures() -> list[Pixels]:
    """Three photographs where a folder of them is named, else drawn ones; both larger and smaller than the networks."""
    photographs = sorted((Path(PHOTOGRAPHS) / "hands-indoor").glob("*.jpg"))[:3] if PHOTOGRAPHS else []
    return [np.array(Image.open(path).convert("RGB")) for path in photographs] or [wave(640, 480), wave(64, 80)]
