"""LoHa and LoKr: trained here, read by LyCORIS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from lycoris.kohya import create_network_from_weights
from lycoris.modules.loha import LohaModule
from lycoris.modules.lokr import LokrModule
from torch import Tensor, nn

from phalanx_worker.artefacts.tensors import read_metadata, read_tensors
from phalanx_worker.errors import ConfigError
from phalanx_worker.jobs import train
from phalanx_worker.model.adapters import applied
from phalanx_worker.model.base import Base, base_sha256
from phalanx_worker.model.conditioning import predict
from phalanx_worker.model.load import load_base
from phalanx_worker.model.module_names import adaptable_layers
from phalanx_worker.model.text import embed_texts
from phalanx_worker.protocol.messages import (
    ConstantSchedule,
    DatasetReference,
    LohaTechnique,
    LokrTechnique,
    LoraPattern,
)
from phalanx_worker.streams import Streams
from phalanx_worker.techniques.batch import Batch
from phalanx_worker.techniques.lora_layers import layer_plans
from phalanx_worker.techniques.lycoris import Lycoris
from tests.drawing import drawn, request, sampling
from tests.small import (
    PLAIN,
    Killed,
    Recorder,
    adapter_reference,
    loha_technique,
    lokr_technique,
    lora_technique,
    train_job,
)

REQUESTS = [request("a photo of a hand", 1, "a fist")]
EVERYWHERE = ("attention", "mlp", "convolution")
KINDS: dict[str, LohaTechnique | LokrTechnique] = {
    "loha": loha_technique(targets=EVERYWHERE, convolution_rank=2, convolution_alpha=3.0),
    "lokr": lokr_technique(targets=EVERYWHERE, convolution_rank=2, factor=2),
    "whole lokr": lokr_technique(targets=EVERYWHERE, rank=None),
}


BRIEF: dict[str, Any] = {"steps": 3, "accumulation": 1, "ema_decay": None, "schedule": ConstantSchedule(warmup_steps=0)}
CASES = [("sd-1", "loha"), ("sd-1", "whole lokr"), ("sd-2", "lokr"), ("sdxl", "loha"), ("sdxl", "lokr")]


@pytest.fixture(scope="module")
def trained(
    family_folders: dict[str, Path], dataset: DatasetReference, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str], Path]:
    """Each case after three steps, at a rate that shows."""
    parent = tmp_path_factory.mktemp("lycoris")
    files = {}
    for family, kind in CASES:
        job = train_job(family_folders[family], dataset, parent / family / kind, technique=KINDS[kind], **BRIEF)
        fast = msgspec.structs.replace(job.settings.optimizer, learning_rate=5e-2)
        job = msgspec.structs.replace(job, settings=msgspec.structs.replace(job.settings, optimizer=fast))
        files[family, kind] = Path(train.run(job, Recorder().context).path)
    return files


class Renamed(nn.Module):
    """Layers by the names of a file, as a module for LyCORIS to walk through."""

    def __init__(self, layers: dict[str, nn.Module]) -> None:
        super().__init__()
        self._layers = layers

    def named_modules(self, *_: Any, **__: Any) -> Iterator[tuple[str, nn.Module]]:
        yield from self._layers.items()


@contextmanager
def loaded_by_lycoris(base: Base, path: Path) -> Iterator[int]:
    """A file on a base through LyCORIS' own reader.

    It names layers by their paths in the version of transformers of its day and, for SDXL, in sd-scripts' UNet.
    """

    def part(prefix: str) -> Renamed:
        names = adaptable_layers(base)
        return Renamed({name.removeprefix(prefix): layer for name, layer in names.items() if name.startswith(prefix)})

    encoders = [part("lora_te1_"), part("lora_te2_")] if base.family == "sdxl" else part("lora_te_")
    unet = part("lora_unet_")
    network, _ = create_network_from_weights(1.0, str(path), None, encoders, unet)
    network.apply_to(encoders, unet, True, True)
    try:
        yield len(network.loras)
    finally:
        network.restore()


def outputs(base: Base) -> Tensor:
    """What the UNet answers to noise and two captions."""
    latents = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    time_ids = torch.full((2, 6), 16.0) if base.family == "sdxl" else None
    with torch.no_grad():
        conditioning = embed_texts(base, ["a photo of a hand", "a drawing of a fist"])
        return predict(base, latents, torch.tensor([100, 900]), conditioning, time_ids)


@pytest.mark.parametrize(("family", "kind"), CASES)
def test_lycoris_loads_the_file_and_answers_the_same(
    family_folders: dict[str, Path], trained: dict[tuple[str, str], Path], family: str, kind: str
) -> None:
    path, base = trained[family, kind], load_base(family_folders[family])
    plain = outputs(base)
    with applied(base, [adapter_reference(file=str(path), strength=1.0)]) as changed:
        ours = outputs(changed)
    with loaded_by_lycoris(base, path) as count:
        theirs = outputs(base)
    assert count == len(layer_plans(KINDS[kind], base))
    assert float((ours - plain).abs().max()) > 0.01
    # A product added into the weight here and beside it there, in float32, through some forty layers.
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("family", "kind"), CASES)
def test_training_sees_the_base_that_the_file_makes(
    family_folders: dict[str, Path], trained: dict[tuple[str, str], Path], family: str, kind: str
) -> None:
    path, base = trained[family, kind], load_base(family_folders[family])
    with applied(base, [adapter_reference(file=str(path), strength=1.0)]) as changed:
        from_file = drawn(changed, REQUESTS, sampling())
    technique = Lycoris(KINDS[kind], PLAIN)
    technique.attach(base, Streams(0))
    technique.load_state({name: item for name, item in read_tensors(path).items() if not name.endswith(".alpha")})
    attached = drawn(technique.base, REQUESTS, sampling())
    technique.detach()
    assert np.array_equal(from_file, attached)
    assert base_sha256(base.parts) == base.sha256
    assert not any("forward" in vars(layer) for part in base.parts.values() for layer in part.modules())


@pytest.mark.parametrize("kind", KINDS)
def test_names_and_shapes_are_those_of_lycoris(base_folder: Path, kind: str) -> None:
    base, settings = load_base(base_folder), KINDS[kind]
    technique = Lycoris(settings, PLAIN)
    technique.attach(base, Streams(0))
    ours = {name: tuple(tensor.shape) for name, tensor in technique.state().items()}
    technique.detach()
    theirs: dict[str, tuple[int, ...]] = {}
    for plan in layer_plans(settings, base):
        name, layer = plan.layer.name, plan.layer.layer
        made: nn.Module
        if isinstance(settings, LohaTechnique):
            made = LohaModule(name, layer, 1.0, plan.rank, plan.alpha)
        else:
            rank, whole = min(plan.rank, 1024), settings.rank is None
            made = LokrModule(name, layer, 1.0, rank, plan.alpha, factor=settings.factor or -1, full_matrix=whole)
        theirs |= {f"{name}.{own}": tuple(parameter.shape) for own, parameter in made.named_parameters()}
    assert ours == theirs


@pytest.mark.parametrize("kind", KINDS)
def test_the_start_changes_nothing_and_is_spread_as_in_lycoris(base_folder: Path, kind: str) -> None:
    base = load_base(base_folder)
    plain = drawn(base, REQUESTS, sampling())
    technique = Lycoris(KINDS[kind], PLAIN)
    technique.attach(base, Streams(3))
    state = technique.state()
    assert np.array_equal(drawn(technique.base, REQUESTS, sampling()), plain)
    technique.detach()
    both = {end: torch.cat([item.flatten() for name, item in state.items() if name.endswith(end)])
            for end in {name.rpartition(".")[2] for name in state}}  # fmt: skip
    deviations = {name: float(values.std()) for name, values in both.items()}
    if kind == "loha":
        expected = {"hada_w1_a": 0.1, "hada_w1_b": 1.0, "hada_w2_a": 0.0, "hada_w2_b": 1.0}
        # Thousands of draws each: five standard errors are below 5 %.
        assert deviations == pytest.approx(expected, rel=0.05)
    else:
        first = next(item for name, item in state.items() if name.endswith("lokr_w1"))
        assert 0 < float(first.abs().max()) <= 1 / first.shape[1] ** 0.5
        assert all(not values.any() for name, values in both.items() if name in ("lokr_w2", "lokr_w2_b"))


def test_layers_are_chosen_as_by_a_lora(base_folder: Path) -> None:
    base = load_base(base_folder)
    chosen: dict[str, Any] = {
        "targets": ("convolution",),
        "patterns": (LoraPattern(match="unet.conv_in", rank=1, alpha=2.0),),
        "parts": ("unet",),
        "convolution_rank": 2,
        "rank": 4,
    }
    plans = [
        [(plan.layer.name, plan.rank) for plan in layer_plans(make(**chosen), base)]
        for make in (lora_technique, loha_technique, lokr_technique)
    ]
    assert plans[0] == plans[1] == plans[2] and ("lora_unet_conv_in", 1) in plans[0]
    unmatched = Lycoris(loha_technique(patterns=(LoraPattern(match="unet.conv_inn", rank=1, alpha=None),)), PLAIN)
    with pytest.raises(ConfigError) as caught:
        unmatched.attach(base, Streams(0))
    assert caught.value.code == "unmatched-pattern"


def test_a_rank_that_has_no_effect_is_refused(base_folder: Path) -> None:
    technique = Lycoris(lokr_technique(rank=64), PLAIN)
    with pytest.raises(ConfigError) as caught:
        technique.attach(load_base(base_folder), Streams(0))
    technique.detach()
    assert caught.value.code == "rank-without-effect"


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_training_is_bit_equal(
    base_folder: Path, dataset: DatasetReference, tmp_path: Path, kind: str
) -> None:
    technique = msgspec.structs.replace(KINDS[kind], rank_dropout=0.3, module_dropout=0.2, parts=("unet",))
    brief: dict[str, Any] = {"technique": technique, "steps": 3, "checkpoint_every": 2, "accumulation": 1}
    whole, parted = (train_job(base_folder, dataset, tmp_path / name, **brief) for name in ("whole", "parted"))
    expected = train.run(whole, Recorder().context)
    with pytest.raises(Killed):
        train.run(parted, Recorder(raise_after=3).context)
    found = train.run(parted, Recorder().context)
    assert (found.resumed_from, found.sha256) == (2, expected.sha256)


def test_dropout_leaves_out_outputs_and_layers_in_training_alone(base_folder: Path) -> None:
    base = load_base(base_folder)
    settings = loha_technique(rank_dropout=0.5, parts=("unet",))
    plain, thinned = Lycoris(msgspec.structs.replace(settings, rank_dropout=0.0), PLAIN), Lycoris(settings, PLAIN)
    latents = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(2))
    batch = Batch(Streams(7), 3, (0, 1), ("a photo of a hand", "a drawing of a fist"), None, latents, None)
    losses = {}
    for name, technique in {"plain": plain, "thinned": thinned}.items():
        technique.attach(base, Streams(3))
        with torch.no_grad():
            for key, parameter in technique.state().items():
                if key.endswith("hada_w2_a"):
                    parameter.fill_(0.1)
            losses[name, "judged"] = float(technique.loss(batch))
        losses[name, "trained"] = float(technique.loss(batch).detach())
        again = float(technique.loss(batch).detach())
        technique.detach()
        assert again == losses[name, "trained"]
    assert losses["plain", "judged"] == losses["thinned", "judged"]
    # With and without gradients the same products are added in one way.
    assert losses["plain", "trained"] == losses["plain", "judged"] != losses["thinned", "trained"]


def test_half_precision_trains(base_folder: Path, dataset: DatasetReference, tmp_path: Path) -> None:
    job = train_job(
        base_folder, dataset, tmp_path / "run", technique=KINDS["lokr"], steps=2, precision="bfloat16", ema_decay=None
    )
    tensors = read_tensors(Path(train.run(job, Recorder().context).path))
    assert all(tensor.dtype == torch.float32 for tensor in tensors.values())
    assert any(bool(tensor.any()) for name, tensor in tensors.items() if name.endswith("lokr_w2_b"))


def test_metadata_names_the_module(trained: dict[tuple[str, str], Path]) -> None:
    told = {kind: read_metadata(path) for (_, kind), path in trained.items()}
    assert {item["ss_network_module"] for item in told.values()} == {"lycoris.kohya"}
    assert {kind: json.loads(item["ss_network_args"]) for kind, item in told.items()} == {
        "loha": {"algo": "loha", "conv_dim": "2", "conv_alpha": "3.0"},
        "lokr": {"algo": "lokr", "conv_dim": "2", "conv_alpha": "8.0", "factor": "2"},
        "whole lokr": {"algo": "lokr", "conv_dim": "1", "conv_alpha": "8.0", "factor": "-1", "full_matrix": "True"},
    }
    assert (told["loha"]["ss_network_dim"], told["loha"]["ss_network_alpha"]) == ("4", "8.0")
    names = {name.split(".")[0] for name in read_tensors(trained["sdxl", "loha"])}
    assert {name[:9] for name in names} == {"lora_te1_", "lora_te2_", "lora_unet"}
    assert "lora_unet_input_blocks_1_0_in_layers_2" in names
