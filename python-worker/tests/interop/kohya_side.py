"""The half of an exchange that sd-scripts does, run by an interpreter of its own: `python kohya_side.py REQUEST`.

Nothing of the checkout is changed, but for constants in its memory.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from kohya_constants import set_constants
from safetensors.torch import load_file, save_file

REQUEST = json.loads(Path(sys.argv[1]).read_text("utf-8"))
BASE, FOLDER = REQUEST.get("base"), Path(REQUEST["folder"])
GIVEN = load_file(FOLDER / "given.safetensors")
SDXL = REQUEST.get("family") == "sdxl"


def main() -> None:
    if REQUEST["task"] == "hashes":
        hashes()
        return
    set_constants(Path(BASE), SDXL)
    exchange() if REQUEST["task"] == "exchange" else train()


def hashes() -> None:
    """Theirs of the given tensors."""
    made = import_module("library.train_util").precalculate_safetensors_hashes(GIVEN, REQUEST["metadata"])
    (FOLDER / "hashes.json").write_text(json.dumps(made), "utf-8")


def exchange() -> None:
    """A file of their own and what they make of it, and what their network makes of ours.

    In this order: their list of adapted classes grows when a file is read, and stays so.
    """
    lora = import_module("networks.lora")
    encoders, unet = models()
    changed = copy.deepcopy(encoders), copy.deepcopy(unet)
    torch.manual_seed(3)
    arguments = REQUEST["network"]
    network = lora.create_network(1.0, arguments.pop("dim"), arguments.pop("alpha"), None, *changed, **arguments)
    network.apply_to(*changed)
    for name, parameter in network.named_parameters():
        if "lora_up" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    save_file(outputs(*changed), FOLDER / "from-theirs.safetensors")
    network.save_weights(str(FOLDER / "theirs.safetensors"), None, {})
    network, weights = lora.create_network_from_weights(1.0, str(FOLDER / "ours.safetensors"), None, encoders, unet)
    network.apply_to(encoders, unet)
    info = network.load_state_dict(weights, False)
    if info.missing_keys or info.unexpected_keys:
        raise ValueError(f"of our file: {info}")
    save_file(outputs(encoders, unet), FOLDER / "from-ours.safetensors")


def models() -> tuple[Any, Any]:
    if SDXL:
        load = import_module("library.sdxl_train_util")._load_target_model
        _, first, second, _, unet, _, _ = load(BASE, None, "sdxl_base_v1-0", torch.float32)
        return [first, second], unet
    load = import_module("library.train_util")._load_target_model
    text, _, unet, _ = load(argparse.Namespace(pretrained_model_name_or_path=BASE, vae=None), None)
    return text, unet


@torch.no_grad()
def outputs(encoders: Any, unet: Any) -> dict[str, torch.Tensor]:
    texts = [encoder(GIVEN["ids"])[0] for encoder in (encoders if SDXL else [encoders])]
    given = (GIVEN["latents"], GIVEN["timesteps"], GIVEN["texts"])
    noise = unet(*given, GIVEN["vector"]) if SDXL else unet(*given).sample
    return {"noise": noise, **{f"text.{place}": text for place, text in enumerate(texts)}}


def train() -> None:
    """One training by their own script, with the latents, noise and timesteps that are given."""
    script = import_module("sdxl_train_network" if SDXL else "train_network")
    trainer = script.SdxlNetworkTrainer if SDXL else script.NetworkTrainer
    train_util = import_module("library.train_util")

    def scripted(args: Any, scheduler: Any, latents: torch.Tensor) -> tuple[torch.Tensor, ...]:
        del args
        noisy = scheduler.add_noise(latents, GIVEN["noise"], GIVEN["timesteps"])
        return GIVEN["noise"], noisy, GIVEN["timesteps"]

    losses: list[float] = []

    class Scripted(trainer):  # type: ignore[misc]
        def shift_scale_latents(self, args: Any, latents: torch.Tensor) -> torch.Tensor:
            del args, latents
            return GIVEN["latents"]

        def process_batch(self, *args: Any, **kwargs: Any) -> Any:
            loss = super().process_batch(*args, **kwargs)
            losses.append(float(loss.detach()))
            return loss

    train_util.get_noise_noisy_latents_and_timesteps = scripted
    parsed = script.setup_parser().parse_args(REQUEST["arguments"])
    train_util.verify_command_line_training_args(parsed)
    Scripted().train(parsed)
    (FOLDER / "losses.json").write_text(json.dumps(losses), "utf-8")


if __name__ == "__main__":
    main()
