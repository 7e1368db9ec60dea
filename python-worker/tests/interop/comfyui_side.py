"""ComfyUI's half of an exchange, run by an interpreter of its own: `python comfyui_side.py REQUEST`.

Nothing of the checkout is changed. It knows a model by sizes that are constants of its code; to these the sizes of the
small base are added here, and the vocabulary is filled up to its one size.
"""

from __future__ import annotations

import json
import logging
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

REQUEST = json.loads(Path(sys.argv[1]).read_text("utf-8"))
FOLDER, SDXL = Path(REQUEST["folder"]), REQUEST["family"] == "sdxl"
GIVEN = load_file(FOLDER / "given.safetensors")
CLIPS = {"sd-1": ("clip_l",), "sd-2": ("clip_h",), "sdxl": ("clip_l", "clip_g")}[REQUEST["family"]]
KNOWN = {"sd-1": "SD15", "sd-2": "SD20", "sdxl": "SDXL"}[REQUEST["family"]]
VOCABULARY = 49408


def main() -> None:
    # Its options are read from the command line when it is first imported.
    import_module("comfy.options").enable_args_parsing(False)
    options = import_module("comfy.cli_args").args
    options.cpu = options.force_fp32 = options.fp32_text_enc = True
    # What is missing for other models is told at import.
    import_module("comfy.sd")
    told: dict[str, list[str]] = {}
    model, clip = in_turn("base", told, lambda: checkpoint(FOLDER / "base.safetensors"))
    save_file(outputs(model, clip), FOLDER / "from-base.safetensors")
    for name in REQUEST["adapters"]:
        changed = in_turn(name, told, lambda name=name: adapted(model, clip, name))
        save_file(outputs(*changed), FOLDER / f"from-{name}.safetensors")
    save_file(in_turn("embedding", told, lambda: embedding(clip)), FOLDER / "from-embedding.safetensors")
    save_file(in_turn("control-net", told, lambda: control_net(model)), FOLDER / "from-control-net.safetensors")
    (FOLDER / "told.json").write_text(json.dumps(told), "utf-8")


def in_turn(name: str, told: dict[str, list[str]], task: Any) -> Any:
    """The task's result; what is logged meanwhile as a warning or worse is kept."""
    lines = told.setdefault(name, [])

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    listener = Listener(logging.WARNING)
    logging.getLogger().addHandler(listener)
    try:
        return task()
    finally:
        logging.getLogger().removeHandler(listener)


def checkpoint(path: Path) -> Any:
    sizes = REQUEST["sizes"]
    models = import_module("comfy.supported_models")
    known = getattr(models, KNOWN)
    # Heads of a width, or so many of them, are told by no shape.
    heads = {"num_heads": -1, "num_head_channels": 64} if SDXL else {"num_heads": 8, "num_head_channels": -1}
    small = type("Small", (known,), {"unet_config": known.unet_config | sizes["unet"], "unet_extra_config": heads})
    models.models.append(small)
    state = load_file(path)
    for name, tensor in state.items():
        if "token_embedding" in name:
            filling = torch.zeros(VOCABULARY - len(tensor), tensor.shape[1])
            state[name] = torch.cat([tensor, filling])
    given = {f"{name}_model_config": config for name, config in zip(CLIPS, sizes["texts"], strict=True)}
    load = import_module("comfy.sd").load_state_dict_guess_config
    found = load(state, output_vae=False, embedding_directory=str(FOLDER), te_model_options=given)
    return found[:2]


def adapted(model: Any, clip: Any, name: str) -> Any:
    load_file_as_they_do = import_module("comfy.utils").load_torch_file
    lora = load_file_as_they_do(str(FOLDER / f"{name}.safetensors"), safe_load=True)
    changed, changed_clip = import_module("comfy.sd").load_lora_for_models(model, clip, lora, 1.0, 1.0)
    parts = [changed, changed_clip.patcher]
    import_module("comfy.model_management").load_models_gpu(parts, force_patch_weights=True)
    return changed, changed_clip


@torch.no_grad()
def outputs(model: Any, clip: Any) -> dict[str, torch.Tensor]:
    noise = model.model.diffusion_model(GIVEN["latents"], GIVEN["timesteps"], GIVEN["texts"], y=GIVEN.get("vector"))
    found = {"noise": noise}
    for place, name in enumerate(CLIPS):
        transformer = getattr(clip.cond_stage_model, name).transformer
        last, penultimate, projected, _ = transformer(GIVEN["ids"], intermediate_output=-2)
        # SD 2 takes the penultimate layer, and the file has one more than the base.
        found[f"text.{place}"] = {"clip_l": last, "clip_h": penultimate, "clip_g": projected}[name]
    return {name: tensor.contiguous() for name, tensor in found.items()}


def embedding(clip: Any) -> dict[str, torch.Tensor]:
    """The vectors that a prompt with the name of the file becomes."""
    tokens = clip.tokenize("a photo of embedding:five-fingers")
    return {
        name: torch.stack([token for batch in tokens[name.removeprefix("clip_")] for token, _ in batch
                           if torch.is_tensor(token)])
        for name in CLIPS
    }  # fmt: skip


@torch.no_grad()
def control_net(model: Any) -> dict[str, torch.Tensor]:
    """What the net adds; theirs has the sizes of the UNet it is for, where it asks for one of those it knows."""
    detection = import_module("comfy.model_detection")
    detection.unet_config_from_diffusers_unet = lambda *_: dict(model.model.model_config.unet_config)
    net = import_module("comfy.controlnet").load_controlnet(str(FOLDER / "control-net.safetensors"))
    found = net.control_model(
        x=GIVEN["latents"], hint=GIVEN["picture"], timesteps=GIVEN["timesteps"], context=GIVEN["texts"],
        y=GIVEN.get("vector"),
    )  # fmt: skip
    return {f"{side}.{place}": item for side, items in found.items() for place, item in enumerate(items)}


if __name__ == "__main__":
    main()
