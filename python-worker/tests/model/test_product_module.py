"""LoHa and LoKr against their formulas."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from phalanx_worker.errors import ArtefactError
from phalanx_worker.model.adapters import applied
from phalanx_worker.model.base import Base, base_sha256
from phalanx_worker.model.load import load_base
from phalanx_worker.protocol.messages import AdapterReference
from tests.small import adapter_reference

LINEAR = "lora_unet_mid_block_attentions_0_transformer_blocks_0_ff_net_2"
CONVOLUTION = "lora_unet_mid_block_resnets_0_conv1"
RANK, ALPHA, STRENGTH = 3, 1.5, 0.5


def weights(base: Base) -> dict[str, torch.Tensor]:
    middle = base.unet.mid_block
    return {
        LINEAR: middle.attentions[0].transformer_blocks[0].ff.net[2].weight,
        CONVOLUTION: middle.resnets[0].conv1.weight,
    }


def draw(**shapes: tuple[int, ...]) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def loha(shape: torch.Size) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    inner = shape[1:].numel()
    own = draw(hada_w1_a=(shape[0], RANK), hada_w1_b=(RANK, inner), hada_w2_a=(shape[0], RANK), hada_w2_b=(RANK, inner))
    product = (own["hada_w1_a"] @ own["hada_w1_b"]) * (own["hada_w2_a"] @ own["hada_w2_b"])
    return own, product.view(shape) * ALPHA / RANK


def tucker_loha(shape: torch.Size) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    out, inner, *kernel = shape
    own = draw(
        hada_t1=(RANK, RANK, *kernel), hada_w1_a=(RANK, out), hada_w1_b=(RANK, inner),
        hada_t2=(RANK, RANK, *kernel), hada_w2_a=(RANK, out), hada_w2_b=(RANK, inner),
    )  # fmt: skip
    first, second = (
        torch.einsum("ijkl,jr,ip->prkl", own[f"hada_t{n}"], own[f"hada_w{n}_b"], own[f"hada_w{n}_a"]) for n in (1, 2)
    )
    return own, first * second * ALPHA / RANK


def whole_lokr(shape: torch.Size) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    out, inner, *kernel = shape
    own = draw(lokr_w1=(4, 2), lokr_w2=(out // 4, inner // 2, *kernel))
    # Alpha has no meaning here.
    return own, torch.kron(own["lokr_w1"].view(4, 2, *[1] * len(kernel)), own["lokr_w2"])


def lokr(shape: torch.Size) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    out, inner, *kernel = shape
    rest = torch.Size([out // 4, inner // 2, *kernel])
    own = draw(lokr_w1=(4, 2), lokr_w2_a=(rest[0], RANK), lokr_w2_b=(RANK, rest[1:].numel()))
    second = (own["lokr_w2_a"] @ own["lokr_w2_b"]).view(rest)
    return own, torch.kron(own["lokr_w1"].view(4, 2, *[1] * len(kernel)), second) * ALPHA / RANK


def tucker_lokr(shape: torch.Size) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    out, inner, *kernel = shape
    own = draw(lokr_w1=(4, 2), lokr_t2=(RANK, RANK, *kernel), lokr_w2_a=(RANK, out // 4), lokr_w2_b=(RANK, inner // 2))
    second = torch.einsum("ijkl,ip,jr->prkl", own["lokr_t2"], own["lokr_w2_a"], own["lokr_w2_b"])
    return own, torch.kron(own["lokr_w1"].view(4, 2, 1, 1), second.contiguous()) * ALPHA / RANK


def write(path: Path, layer: str, own: dict[str, torch.Tensor]) -> AdapterReference:
    save_file({f"{layer}.{name}": tensor for name, tensor in own.items()}, path)
    return adapter_reference(file=str(path), strength=STRENGTH)


@pytest.mark.parametrize(
    ("layer", "make"),
    [
        (LINEAR, loha),
        (CONVOLUTION, loha),
        (CONVOLUTION, tucker_loha),
        (LINEAR, whole_lokr),
        (CONVOLUTION, whole_lokr),
        (LINEAR, lokr),
        (CONVOLUTION, lokr),
        (CONVOLUTION, tucker_lokr),
    ],
)
def test_the_change_is_the_formula_of_the_paper(base_folder: Path, tmp_path: Path, layer: str, make) -> None:  # type: ignore[no-untyped-def]
    base = load_base(base_folder)
    before = weights(base)[layer].clone()
    own, change = make(before.shape)
    reference = write(tmp_path / "a.safetensors", layer, own | {"alpha": torch.tensor(ALPHA)})
    with applied(base, [reference]) as changed:
        # Products of a few float32 numbers in another order.
        torch.testing.assert_close(weights(changed)[layer], before + STRENGTH * change, rtol=1e-5, atol=1e-5)
    assert base_sha256(base.parts) == base.sha256


def test_they_go_with_loras_in_any_order(base_folder: Path, tmp_path: Path) -> None:
    base = load_base(base_folder)
    shape = weights(base)[LINEAR].shape
    lora = {"lora_down.weight": torch.ones(2, shape[1]), "lora_up.weight": torch.ones(shape[0], 2)}
    makes = {"a": loha(shape)[0], "b": lokr(shape)[0], "c": lora}
    references = [write(tmp_path / f"{name}.safetensors", LINEAR, own) for name, own in makes.items()]
    hashes = set()
    for order in (references, references[::-1]):
        with applied(base, order) as changed:
            hashes.add(base_sha256(changed.parts))
    assert len(hashes) == 1 and base.sha256 not in hashes


def bad(name: str, shape: torch.Size) -> dict[str, torch.Tensor]:
    product, kronecker = loha(shape)[0], lokr(shape)[0]
    return {
        "half a LoHa": {key: item for key, item in product.items() if key != "hada_w2_b"},
        "half a LoKr": {key: item for key, item in kronecker.items() if key != "lokr_w1"},
        "magnitudes": product | {"dora_scale": torch.ones(shape[0], 1)},
        "not finite": product | {"hada_w1_a": torch.full((shape[0], RANK), float("inf"))},
        "two alphas": kronecker | {"alpha": torch.ones(2)},
        "other size": loha(torch.Size([shape[0], shape[1] + 1]))[0],
        "other ranks": product | {"hada_w1_b": torch.ones(RANK + 1, shape[1])},
    }[name]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("half a LoHa", "broken-adapter"),
        ("half a LoKr", "broken-adapter"),
        ("magnitudes", "unsupported-adapter"),
        ("not finite", "broken-adapter"),
        ("two alphas", "broken-adapter"),
        ("other size", "adapter-mismatch"),
        ("other ranks", "adapter-mismatch"),
    ],
)
def test_bad_files_are_refused(base_folder: Path, tmp_path: Path, name: str, code: str) -> None:
    base = load_base(base_folder)
    reference = write(tmp_path / "a.safetensors", LINEAR, bad(name, weights(base)[LINEAR].shape))
    with pytest.raises(ArtefactError) as caught, applied(base, [reference]):
        pass
    assert caught.value.code == code
    assert base_sha256(base.parts) == base.sha256
