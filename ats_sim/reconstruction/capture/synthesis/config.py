"""What a synthesized capture should contain."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ats_sim.errors import ConfigError

Body = Literal["cat", "dog", "rabbit"]
Light = Literal["varied", "day", "evening", "constant"]

_SIZE = re.compile(r"(\d+)x(\d+)")


@dataclass(frozen=True)
class SynthesizeConfig:
    """A made-up home, the animal that lives in it and the person who films it."""

    videos: int = 6
    """Longitudinal videos of the animal, each on another day."""
    seconds: float = 60.0
    """Length of each video."""
    seed: int = 0
    """Everything random follows from this number."""
    size: str = "192x144"
    """Picture size, WIDTHxHEIGHT."""
    fps: float = 10.0
    """Frames per second of every video (5 to 60)."""
    body: Body = "cat"
    """Which animal lives in the home; its size, build and coat follow from the seed."""
    odometry: bool = True
    """Write the device's own drifting poses into the videos."""
    light: Light = "varied"
    """How the light changes over the days; "constant" also freezes exposure and white balance."""
    rooms: int | None = None
    """Number of rooms, 2 to 4 (default: from the seed)."""
    moves: int = 3
    """Small things (chairs, a box, cushions) that stand elsewhere in each video than in the walkthrough."""
    walkthrough: bool = True
    """Film the empty home first; without it the capture is scan-free."""
    walkthrough_seconds: float = 60.0
    """Length of the walkthrough."""
    second_camera: bool = True
    """Write a synchronised second view of every video, for novel-view scores."""
    noise: float = 1.0
    """Strength of the sensor's noise in colour and depth; 0 switches it off."""
    workers: int = 2
    """Processes that render videos side by side."""

    def __post_init__(self) -> None:
        problems = [
            (self.videos < 1, f"--videos {self.videos}: needs at least 1"),
            (not 0.5 <= self.seconds <= 36000, f"--seconds {self.seconds:g}: must lie between 0.5 and 36000"),
            (
                not 1 <= self.walkthrough_seconds <= 3600,
                f"--walkthrough-seconds {self.walkthrough_seconds:g}: must lie between 1 and 3600",
            ),
            (not 5 <= self.fps <= 60, f"--fps {self.fps:g}: must lie between 5 and 60"),
            (self.rooms is not None and not 2 <= self.rooms <= 4, f"--rooms {self.rooms}: must be 2, 3 or 4"),
            (self.moves < 0, f"--moves {self.moves}: must not be negative"),
            (not 0 <= self.noise <= 5, f"--noise {self.noise:g}: must lie between 0 and 5"),
            (self.workers < 1, f"--workers {self.workers}: needs at least 1"),
            (self.seed < 0, f"--seed {self.seed}: must not be negative"),
            (_SIZE.fullmatch(self.size) is None, f"--size {self.size}: write it like 192x144"),
        ]
        for wrong, message in problems:
            if wrong:
                raise ConfigError(f"{message}.")
        if not (32 <= self.width <= 4096 and 32 <= self.height <= 4096):
            raise ConfigError(f"--size {self.size}: each side must lie between 32 and 4096 pixels.")

    @property
    def width(self) -> int:
        """Picture width in pixels."""
        return int(self.size.split("x")[0])

    @property
    def height(self) -> int:
        """Picture height in pixels."""
        return int(self.size.split("x")[1])
