"""ControlNet (Zhang et al., 2023): a copy of the UNet's encoder that reads a picture and adds to its features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import ControlNetModel
from torch import Tensor

from phalanx_worker.artefacts.tensors import read_metadata, read_tensors, save_tensors, tensors_sha256, write_tensors
from phalanx_worker.artefacts.unchanged import unchanged
from phalanx_worker.errors import ArtefactError
from phalanx_worker.model.base import Base, Family
from phalanx_worker.model.conditioning import Conditioning, Residuals, added_conditions
from phalanx_worker.model.control_net_names import HINT, PREFIX, hint_channels, ldm_control_net_path
from phalanx_worker.model.load import refuse_not_finite
from phalanx_worker.model.save import StoredType, module_config, typed, write_json

WEIGHTS = "diffusion_pytorch_model.safetensors"
STORED_NAMES = (WEIGHTS, "diffusion_pytorch_model.fp16.safetensors")
HINT_NAMES = ("controlnet_cond_embedding.", "input_hint_block.")
"""Parts of tensor names, in the layouts of diffusers and of the first publication, that only ControlNets have."""


@dataclass(frozen=True, eq=False)
class ControlNet:
    """A network with float32 weights, in evaluation mode, without gradients."""

    module: ControlNetModel
    path: Path
    sha256: str
    """Over names, types, shapes and bytes of all tensors as float32."""


@dataclass(frozen=True, eq=False)
class Control:
    """A network in use on a batch."""

    net: ControlNet
    pictures: Tensor
    """[n, 3, height, width] in [0, 1], of the size of the images."""
    strength: float
    """Multiplies what it adds."""

    def over(self, pictures: Tensor) -> Control:
        """The same with other pictures."""
        return Control(self.net, pictures, self.strength)


def control_net_from(base: Base, channels: Sequence[int], seed: int) -> ControlNetModel:
    """A network that copies the encoder of the base's UNet and, by its zero convolutions, adds nothing yet.

    `channels` are those of the levels that read the picture: one more than the autoencoder has halvings. Of a UNet for
    inpainting, which reads mask and hidden image behind the latents, it copies what reads the latents.
    """
    # The same numbers whatever device the base is on; a base without numbers gets a network without any.
    place = base.device if base.device.type == "meta" else torch.device("cpu")
    with torch.random.fork_rng(devices=[]), place:
        torch.manual_seed(seed)
        module: ControlNetModel = ControlNetModel.from_unet(
            base.unet, conditioning_embedding_out_channels=tuple(channels)
        )
        if base.inpainting:
            latent = int(base.autoencoder.config.latent_channels)
            state = module.state_dict()
            state["conv_in.weight"] = state["conv_in.weight"][:, :latent]
            module = ControlNetModel.from_config({**module.config, "in_channels": latent})
            module.load_state_dict(state)
    return module.to(base.device)


def residuals_of(
    base: Base,
    controls: Sequence[Control],
    latents: Tensor,
    timesteps: Tensor | float,
    conditioning: Conditioning,
    time_ids: Tensor | None,
) -> Residuals | None:
    """The sum of what `controls` add, each with its strength; None when there are none."""
    total: Residuals | None = None
    for control in controls:
        down, middle = control.net.module(
            latents,
            timesteps,
            encoder_hidden_states=conditioning.embeddings,
            controlnet_cond=control.pictures,
            conditioning_scale=control.strength,
            added_cond_kwargs=added_conditions(base, conditioning, time_ids),
            return_dict=False,
        )
        own = Residuals(tuple(down), middle)
        total = own if total is None else total.plus(own)
    return total


def read_control_net(path: Path, base: Base) -> ControlNet:
    """Read a network for a base from a folder in the layout of diffusers or from a file in either usual layout.

    Raises ArtefactError: `missing-file`, `pickled-file`, `broken-file`, `not-a-control-net`, `control-net-mismatch`
    (made for another base; names what differs), `weights-not-finite`, `changed-file` (it became another one while it
    was read).
    """
    file = _weight_file(path)
    with unchanged([file]):
        tensors = read_tensors(file)
    if not any(part in name for name in tensors for part in HINT_NAMES):
        example = ", ".join(sorted(tensors)[:3])
        raise ArtefactError(
            f"{path} is no ControlNet (its tensors: {example}…). Name a folder or a file of one.",
            code="not-a-control-net",
            facts={"path": str(path)},
        )
    module = _empty(base, hint_channels(tensors))
    wanted = module.state_dict()
    found = _by_own_names(tensors, module)
    differing = sorted(
        name
        for name in wanted.keys() | found.keys()
        if name not in found or name not in wanted or wanted[name].shape != found[name].shape
    )
    if differing:
        raise ArtefactError(
            f"{path} is a ControlNet for another base than {base.folder} ({base.family}): {len(differing)} of its "
            f"tensors differ, such as {differing[0]}. Use one that was made for this family.",
            code="control-net-mismatch",
            facts={"path": str(path), "base": str(base.folder), "family": base.family, "differing": len(differing)},
        )
    refuse_not_finite(found, path)
    module.load_state_dict({name: tensor.float() for name, tensor in found.items()}, assign=True)
    module.eval().requires_grad_(False)
    return ControlNet(module.to(base.device), path, tensors_sha256(module.state_dict()))


def write_control_net(module: ControlNetModel, folder: Path, weights: StoredType, metadata: Mapping[str, str]) -> None:
    """Write a network into a folder that exists, in the layout of diffusers."""
    write_json(folder / "config.json", module_config(module))
    save_tensors(folder / WEIGHTS, typed(module.state_dict(), weights), {"format": "pt", **metadata})


def write_control_net_file(
    module: ControlNetModel, path: Path, family: Family, weights: StoredType, metadata: Mapping[str, str]
) -> None:
    """Write a network as the one file that the web UIs read; it appears when it is whole.

    For SD 1 and 2 it has the names of the first publication. For SDXL, whose networks were shared in the layout of
    diffusers from the first, it has those. Raises ArtefactError (`disk-full`, `written-differently`).
    """
    state = typed(module.state_dict(), weights)
    if family != "sdxl":
        state = {PREFIX + ldm_control_net_path(name, module.config): tensor for name, tensor in state.items()}
    write_tensors(path, state, {"format": "pt", **metadata})


def control_net_metadata(path: Path) -> dict[str, str]:
    """Text fields of the file's header."""
    return read_metadata(_weight_file(path))


def _empty(base: Base, channels: tuple[int, ...]) -> ControlNetModel:
    """A network of the base's layout without weights."""
    with torch.device("meta"):
        like = ControlNetModel.from_unet(
            base.unet, conditioning_embedding_out_channels=channels, load_weights_from_unet=False
        )
        # Also beside an inpainting UNet it reads latents alone.
        latent = int(base.autoencoder.config.latent_channels)
        module: ControlNetModel = ControlNetModel.from_config({**like.config, "in_channels": latent})
    return module


def _weight_file(path: Path) -> Path:
    if not path.is_dir():
        return path
    for name in STORED_NAMES:
        if (path / name).is_file():
            return path / name
    raise ArtefactError(
        f"{path} is no ControlNet: it has no {WEIGHTS}. Name the folder that holds it, or the file itself.",
        code="not-a-control-net",
        facts={"path": str(path)},
    )


def _by_own_names(tensors: Mapping[str, Tensor], module: ControlNetModel) -> Mapping[str, Tensor]:
    """Tensors by their names in diffusers; those that have none there keep the ones they have."""
    if any(name.startswith(HINT) for name in tensors):
        return tensors
    # Some files are a whole checkpoint beside the network, others the network without the prefix.
    prefix = PREFIX if any(name.startswith(PREFIX) for name in tensors) else ""
    own = {prefix + ldm_control_net_path(name, module.config): name for name in module.state_dict()}
    return {own.get(name, name): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
