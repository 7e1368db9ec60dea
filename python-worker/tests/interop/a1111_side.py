"""A1111's half of an exchange, run by an interpreter of its own: `python a1111_side.py REQUEST`.

Its readers of LoRAs, embeddings, checkpoints, prompts and PNG texts run unchanged. Around them stand in objects that
take everything and do nothing, for the user interface, settings and other programs' models; the model that a LoRA
finds its layers in is a tree of layers by the names of a checkpoint.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import json
import logging
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import torch
from safetensors.torch import load_file, save_file
from torch import nn

REQUEST = json.loads(Path(sys.argv[1]).read_text("utf-8"))
HOME, FOLDER = Path(REQUEST["home"]), Path(REQUEST["folder"])
REAL = {
    "modules.hashes", "modules.infotext_utils", "modules.infotext_versions", "modules.models.sd3.mmdit",
    "modules.models.sd3.other_impls", "modules.prompt_parser", "modules.sd_models",
    "modules.textual_inversion.textual_inversion",
}  # fmt: skip
"""What runs as it is, beside the extension for LoRAs."""
ABSENT = ("modules", "gradio", "ldm", "omegaconf", "tomesd", "lark")
TEXTS = {
    "sd-1": ["cond_stage_model."],
    "sd-2": ["cond_stage_model."],
    "sdxl": ["conditioner.embedders.0.", "conditioner.embedders.1."],
}


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds modules that are not to run before Python looks for them."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        del path, target
        if name.partition(".")[0] not in ABSENT or name in REAL:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = MagicMock(name=spec.name)
        # Modules that do run are found in their folder beside those that do not.
        module.__path__ = [str(HOME / spec.name.replace(".", "/"))]
        module.__spec__ = spec
        return module

    def exec_module(self, module: ModuleType) -> None:
        pass


def main() -> None:
    sys.meta_path.insert(0, StandIns())
    sys.path.insert(0, str(HOME / "extensions-builtin/Lora"))
    shared, devices = import_module("modules.shared"), import_module("modules.devices")
    shared.opts.disable_mmap_load_safetensors, shared.opts.infotext_styles = False, "Ignore"
    shared.opts.infotext_skip_pasting = []
    shared.weight_load_location, devices.cpu, devices.device = "cpu", torch.device("cpu"), torch.device("cpu")
    devices.dtype = torch.float32
    shared.cmd_opts.no_hashing = False
    for name, kept in (("cached_data_for_file", lambda *given: given[-1]()), ("cache", lambda _: {})):
        setattr(import_module("modules.cache"), name, kept)
    if REQUEST["task"] == "texts":
        texts()
    else:
        files(shared)


def texts() -> None:
    """PNG texts and prompts as it reads them."""
    parse = import_module("modules.infotext_utils").parse_generation_parameters
    weights = import_module("modules.prompt_parser").parse_prompt_attention
    told = {
        "parameters": [parse(text) for text in REQUEST["parameters"]],
        "prompts": [weights(text) for text in REQUEST["prompts"]],
    }
    (FOLDER / "told.json").write_text(json.dumps(told), "utf-8")


def files(shared: Any) -> None:
    state = import_module("modules.sd_models").read_state_dict(str(FOLDER / "base.safetensors"))
    shared.sd_model = model_of(state)
    networks = import_module("networks")
    networks.assign_network_names_to_compvis_modules(shared.sd_model)
    told: dict[str, Any] = {name: adapted(networks, shared.sd_model, name) for name in REQUEST["adapters"]}
    path = FOLDER / "five-fingers.safetensors"
    inversion = import_module("modules.textual_inversion.textual_inversion")
    found = inversion.create_embedding_from_data(load_file(path), path.stem, path.name)
    vectors = found.vec if isinstance(found.vec, dict) else {"only": found.vec}
    save_file(vectors, FOLDER / "from-embedding.safetensors")
    told["embedding"] = {"name": found.name, "vectors": found.vectors, "width": found.shape}
    (FOLDER / "told.json").write_text(json.dumps(told), "utf-8")


def model_of(state: dict[str, torch.Tensor]) -> Any:
    """What its LoRAs look for layers in."""
    texts = [SimpleNamespace(wrapped=tree(state, prefix)) for prefix in TEXTS[REQUEST["family"]]]
    model = SimpleNamespace(model=tree(state, "model."), is_sdxl=len(texts) > 1, cond_stage_model=texts[0])
    model.conditioner = SimpleNamespace(embedders=texts)
    return model


def tree(state: dict[str, torch.Tensor], prefix: str) -> nn.Module:
    root = nn.Module()
    for name in [name.removeprefix(prefix) for name in state if name.startswith(prefix)]:
        path, _, kind = name.rpartition(".")
        weight = state[prefix + name]
        if kind == "in_proj_weight":
            place(root, path, nn.MultiheadAttention(weight.shape[1], 1))
        elif kind == "weight" and not path.endswith(".attn.out_proj"):
            place(root, path, layer_of(weight, f"{prefix}{path}.bias" in state))
    own = root.state_dict()
    root.load_state_dict({name: state[prefix + name] for name in own})
    return root.requires_grad_(False)


def layer_of(weight: torch.Tensor, bias: bool) -> nn.Module:
    if weight.ndim == 4:
        return nn.Conv2d(weight.shape[1], len(weight), weight.shape[2:], padding=weight.shape[2] // 2, bias=bias)
    return nn.Linear(weight.shape[1], len(weight), bias=bias) if weight.ndim == 2 else nn.LayerNorm(len(weight))


def place(root: nn.Module, path: str, layer: nn.Module) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        if parent not in root._modules:
            root.add_module(parent, nn.Module())
        root = root._modules[parent]
    root.add_module(last, layer)


def adapted(networks: Any, model: Any, name: str) -> dict[str, Any]:
    """What it says of a LoRA, with the weights that it makes of the model's."""
    path = str(FOLDER / f"{name}.safetensors")
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.DEBUG)
    on_disk = import_module("network").NetworkOnDisk(name, path)
    # Nothing is hashed when the metadata has the hash, so that this one is computed anew.
    computed = import_module("modules.hashes").sha256(path, f"lora/{name}", use_addnet_hash=True)
    networks.extra_network_lora = SimpleNamespace(errors={})
    networks.loaded_networks[:] = [networks.load_network(name, on_disk)]
    weights = {}
    for prefix, root in parts(model):
        for module in root.modules():
            # The output of an attention is a kind of linear layer that is never called by itself.
            if type(module) in {nn.Linear, nn.Conv2d, nn.MultiheadAttention}:
                networks.network_apply_weights(module)
        weights |= {prefix + key: tensor.clone() for key, tensor in root.state_dict().items()}
    save_file(weights, FOLDER / f"from-{name}.safetensors")
    logging.getLogger().removeHandler(handler)
    return {
        "family": on_disk.sd_version.name,
        "alias": on_disk.alias,
        "hash": on_disk.hash,
        "computed": computed,
        "layers": len(networks.loaded_networks[0].modules),
        "lines": lines + [f"{count} of {key} failed" for key, count in networks.extra_network_lora.errors.items()],
    }


def parts(model: Any) -> list[tuple[str, nn.Module]]:
    embedders = zip(TEXTS[REQUEST["family"]], model.conditioner.embedders, strict=True)
    return [("model.", model.model), *((prefix, embedder.wrapped) for prefix, embedder in embedders)]


if __name__ == "__main__":
    main()
