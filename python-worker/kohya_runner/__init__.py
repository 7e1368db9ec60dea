"""Drives a checkout of kohya's sd-scripts from inside its own environment; needs nothing but the checkout."""
