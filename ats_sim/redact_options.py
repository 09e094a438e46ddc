"""What a home keeps when it is given away; light, so that the command line knows it without reading any home."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Coloring = Literal["none", "blurred"]
"""none: every patch of half a metre flat in its mean colour; blurred: the means washed into each other."""


@dataclass(frozen=True)
class RedactOptions:
    """A copy of a home without photos and tracks of people."""

    redact: Path | None = None
    """Folder to write a copy of the home to, without photos and tracks of people."""
    texture: Coloring = "none"
    """In place of the photos: one flat colour per patch of half a metre (none), or these washed together (blurred)."""
    keep_recordings: bool = False
    """Keep recordings.npz, the tracks of animal and camera; without it no video can be lived through again."""
