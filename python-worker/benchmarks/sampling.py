"""Seconds per image of this worker and of diffusers' StableDiffusionPipeline: same base, noise and settings.

Prints one JSON object. Run from the worker's folder: python -m benchmarks.sampling [base folder]
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline

from benchmarks.bench_base import make_bench_base
from benchmarks.interleaved import compare, settle_memory
from phalanx_worker.model.base import AS_TRAINED
from phalanx_worker.model.load import load_base
from phalanx_worker.protocol.messages import SampleRequest, SamplingSettings
from phalanx_worker.sampling.draw import draw, initial_noise

IMAGES, STEPS, GUIDANCE, REPEATS = 8, 10, 7.5, 7
PROMPT, NEGATIVE = "a photo of a hand", "a drawing of a fist"


def measure(folder: Path) -> dict[str, Any]:
    """Medians over interleaved repeats."""
    base = load_base(folder)
    pipeline = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    requests = [
        SampleRequest(prompt=PROMPT, negative_prompt=NEGATIVE, seed=seed, image=None, controls=())
        for seed in range(IMAGES)
    ]
    settings = SamplingSettings(
        sampler="ddim",
        steps=STEPS,
        guidance=GUIDANCE,
        guidance_rescale=0.0,
        zero_terminal_snr=False,
        width=None,
        height=None,
        text=AS_TRAINED,
        batch_size=IMAGES,
    )
    side = base.image_size // base.reduction
    noise = torch.stack([initial_noise(request.seed, (4, side, side)) for request in requests])

    def ours() -> None:
        draw(base, requests, settings, lambda *_: None, lambda *_: None)

    def theirs() -> None:
        pipeline(
            [PROMPT] * IMAGES,
            negative_prompt=[NEGATIVE] * IMAGES,
            guidance_scale=GUIDANCE,
            num_inference_steps=STEPS,
            latents=noise,
            output_type="np",
        )

    found = compare(ours, theirs, REPEATS)
    return {
        "benchmark": "sampling",
        "rows": [
            {
                "what": f"sampling, {IMAGES} images of {base.image_size}x{base.image_size}, {STEPS} steps",
                "unit": "images/s",
                "ours": IMAGES / found.own,
                "theirs": IMAGES / found.other,
                "ratio": found.ratio,
                "processorRatio": found.processor_ratio,
            }
        ],
        "threads": torch.get_num_threads(),
    }


if __name__ == "__main__":
    settle_memory()
    with tempfile.TemporaryDirectory() as scratch:
        chosen = Path(sys.argv[1]) if len(sys.argv) > 1 else make_bench_base(Path(scratch) / "base")
        print(json.dumps(measure(chosen)))
