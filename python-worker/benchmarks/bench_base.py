"""A random base of the size of tiny-hands."""

from __future__ import annotations

from pathlib import Path

from phalanx_worker.model.create import create_base
from phalanx_worker.protocol.messages import BaseArchitecture

CAPTIONS = ("a photo of a hand", "a photo of an open palm", "a drawing of a fist", "a photo of a handshake")


def make_bench_base(folder: Path) -> Path:
    """14.8 million UNet parameters, 64x64 pixels."""
    architecture = BaseArchitecture(
        family="sd-1",
        prediction="epsilon",
        inpainting=False,
        image_size=64,
        autoencoder_channels=(32, 64, 64),
        autoencoder_layers_per_block=1,
        latent_channels=4,
        unet_channels=(64, 128, 192, 192),
        unet_layers_per_block=1,
        transformer_layers=None,
        unet_attention_heads=4,
        text_width=128,
        text_layers=2,
        text_heads=4,
        second_text_width=128,
        second_text_layers=2,
        norm_groups=16,
        vocabulary_size=1024,
    )
    create_base(architecture, CAPTIONS, 0, folder, "float32")
    return folder
