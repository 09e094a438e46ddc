"""What a user can choose about taking recordings in. No heavy imports: the command line reads this for its --help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ats_sim.errors import ConfigError

FormatName = Literal["record3d", "stray", "polycam", "tum", "scannet", "7scenes", "nerfstudio", "mp4"]
Confidence = Literal["low", "medium", "high"]
Up = Literal["auto", "measured", "x", "y", "z", "-x", "-y", "-z"]


@dataclass(frozen=True)
class ImportOptions:
    """How recordings become parts of a capture."""

    walkthrough: bool = False
    """This is the scan of the home without the animal, which defines the scene frame; else videos are added."""
    fps: float = 10.0
    """Frames a second that are kept; behaviour lives at 10."""
    longest_side: int = 256
    """Largest width or height of pictures, which are never larger than their depth (on phones 256x192)."""
    confidence: Confidence = "high"
    """Depth that the device is less sure of is dropped. Phones guess across edges, and guesses smear walls."""
    farthest: float = 5.0
    """Depth beyond this many metres is dropped: a phone's sensor reaches 5 m, the rest is guessed."""
    up: Up = "auto"
    """Which way is up in the recording's frame; auto: as the format promises, else measured on floors and tables."""
    source_fps: float | None = None
    """Frames a second of the recording, where it does not say so itself."""

    def __post_init__(self) -> None:
        if not 1.0 <= self.fps <= 60.0:
            raise ConfigError(f"--fps {self.fps:g}: must lie between 1 and 60.")
        if self.longest_side < 64:
            raise ConfigError(f"--longest-side {self.longest_side}: must be at least 64 pixels.")
        if self.farthest <= 0.0:
            raise ConfigError(f"--farthest {self.farthest:g}: must be positive.")
        if self.source_fps is not None and self.source_fps <= 0.0:
            raise ConfigError(f"--source-fps {self.source_fps:g}: must be positive.")
