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
    """This recording is the scan of the home without the animal; it defines the scene frame. Without this, what is
    found are videos of the animal, and they join those that the capture has."""
    fps: float = 10.0
    """Frames a second that are kept; behaviour lives at 10."""
    longest_side: int = 256
    """Largest width or height of pictures. Phones measure 256x192 depths; pictures are never made larger than depth."""
    confidence: Confidence = "high"
    """Depth that the device is less sure of is dropped. Phones guess across edges, and guesses smear walls."""
    farthest: float = 5.0
    """Depth beyond this many metres is dropped: a phone's sensor reaches 5 m, the rest is guessed."""
    up: Up = "auto"
    """Which way of the recording's own frame is up. auto: as the format promises, measured from floors and tables where
    it promises nothing."""
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
