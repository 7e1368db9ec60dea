"""How captions are worded for a sample."""

from __future__ import annotations

from phalanx_worker.protocol.messages import CaptionSettings
from phalanx_worker.streams import Streams

PLAIN = CaptionSettings(prefix="", suffix="", shuffle=False, kept_tags=0, tag_dropout=0.0)
"""Leaves captions as they are."""


def worded(caption: str, settings: CaptionSettings, streams: Streams, step: int, sample: int) -> str:
    """A caption with its tags moved and dropped, between prefix and suffix."""
    if settings.shuffle or settings.tag_dropout > 0:
        tags = [tag.strip() for tag in caption.split(",") if tag.strip()]
        kept, others = tags[: settings.kept_tags], tags[settings.kept_tags :]
        if settings.shuffle:
            order = streams.generator("tag-order", step, sample).permutation(len(others))
            others = [others[place] for place in order]
        draws = streams.generator("tag-dropout", step, sample).random(len(others))
        left = [tag for tag, draw in zip(others, draws, strict=True) if draw >= settings.tag_dropout]
        caption = ", ".join(kept + left)
    return between(caption, settings)


def between(caption: str, settings: CaptionSettings) -> str:
    """A caption between prefix and suffix."""
    return " ".join(part for part in (settings.prefix, caption, settings.suffix) if part)
