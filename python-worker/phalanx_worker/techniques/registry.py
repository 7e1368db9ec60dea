"""Which class does which technique, imported on first use."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType

from phalanx_worker.protocol.messages import TrainingSettings
from phalanx_worker.techniques.technique import Technique

CLASSES = MappingProxyType(
    {
        "lora": ("lora", "Lora"),
        "loha": ("lycoris", "Lycoris"),
        "lokr": ("lycoris", "Lycoris"),
        "textual-inversion": ("textual_inversion", "TextualInversion"),
        "negative-embedding": ("negative_embedding", "NegativeEmbedding"),
        "full": ("full", "Full"),
        "control-net": ("control_net", "ControlNetTraining"),
        "autoencoder": ("autoencoder", "Autoencoder"),
    }
)
"""Technique tag to module and class; the class is constructed with the technique's settings and the objective."""


def create_technique(settings: TrainingSettings) -> Technique:
    """The technique that `settings` describe, not yet attached."""
    module, name = CLASSES[str(settings.technique.__struct_config__.tag)]
    create = getattr(import_module(f"phalanx_worker.techniques.{module}"), name)
    technique = create(settings.technique, settings.objective)
    assert isinstance(technique, Technique)
    return technique
