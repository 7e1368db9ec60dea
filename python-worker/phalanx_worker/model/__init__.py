"""The Stable Diffusion of the house: the only package that imports diffusers."""

import os

# Nothing here ever reaches for a network: bases are folders.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
