"""What a user can choose about playing. No heavy imports: the command line reads this for its --help."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ats_sim.errors import ConfigError

CLIP_SECONDS = 6.0
MOST_CLIPS = 1000
MOST_AGENTS = 16
"""What a world takes; the world itself is too heavy to ask here."""


@dataclass(frozen=True)
class PlayOptions:
    """How a walk through a home runs."""

    home: str = "default"
    """default, a home folder, or a .zip of one."""
    record: Path | None = None
    """Film to write (.mp4); an older film of that name is replaced. Without a screen it is play.mp4 unless given."""
    seconds: float | None = None
    """Length of the walk; without a screen 20 s, in a window until you leave. With --blind, of a clip: 6 s."""
    headless: bool = False
    """Let a scripted observer walk and write a film, even where there is a screen."""
    agents: int = 1
    """How many agents live in the home, 1 to 16."""
    seed: int = 11
    """Everything random follows from this number; in the default home, 11 shows an animal that comes and flees."""
    log: Path | None = None
    """New file to write the walk to, line by line (.jsonl); --replay walks it again. One with a walk in is refused."""
    replay: Path | None = None
    """Walk that --log wrote: it is done again without a screen, and every state is compared, bit for bit.
    Exit code 0: all states that the log holds are the same, even if it has no end because the walk was killed.
    Exit code 1: a state differs, or the last line is cut off in the middle. Exit code 2: it cannot be done again."""
    blind: int | None = None
    """Show so many clips of the recorded or the simulated animal and ask which it is; with --headless, write them."""
    ratings: Path = Path("ratings.json")
    """With --blind: file of your answers; a test that was left goes on with it. Written clips and key go beside it."""
    answers: Path | None = None
    """Sheet of somebody's answers to written clips (.csv): it is scored by the key that belongs to --ratings."""
    size: str = "960x600"
    """Picture size, WIDTHxHEIGHT."""
    renderer: Literal["auto", "moderngl", "raycast"] = "auto"
    """Who draws: moderngl needs OpenGL, raycast needs nothing, auto takes what works."""

    def __post_init__(self) -> None:
        if self.seconds is not None and not 0.1 <= self.seconds <= 36000.0:
            raise ConfigError(f"--seconds {self.seconds}: must lie between 0.1 and 36000.")
        if self.record is not None and self.record.suffix.lower() != ".mp4":
            raise ConfigError(f"--record {self.record}: the film is H.264, so its name must end in .mp4.")
        if self.replay is not None and (self.log is not None or self.seconds is not None):
            raise ConfigError("--replay does what was written down, all of it: leave out --log and --seconds.")
        if not 1 <= self.agents <= MOST_AGENTS:
            raise ConfigError(f"--agents {self.agents}: must lie between 1 and {MOST_AGENTS}.")
        if self.seed < 0:
            raise ConfigError(f"--seed {self.seed}: must not be negative.")
        self._check_blind()
        width, height = self.pixels
        if not (64 <= width <= 4096 and 48 <= height <= 4096):
            raise ConfigError(f"--size {self.size}: must lie between 64x48 and 4096x4096.")

    def _check_blind(self) -> None:
        if self.answers is not None and self.blind is not None:
            raise ConfigError("--answers scores what was asked before: leave out --blind.")
        if self.ratings.suffix.lower() != ".json":
            raise ConfigError(f"--ratings {self.ratings}: its name must end in .json.")
        if self.blind is None:
            return
        if not 1 <= self.blind <= MOST_CLIPS:
            raise ConfigError(f"--blind {self.blind}: must lie between 1 and {MOST_CLIPS}.")
        if self.replay is not None or self.log is not None or self.record is not None or self.agents != 1:
            raise ConfigError("--blind shows clips of one animal: leave out --replay, --log, --record and --agents.")
        if not 1.0 <= self.clip_seconds <= 60.0:
            raise ConfigError(f"--seconds {self.seconds}: a clip of --blind must last 1 to 60 s.")

    @property
    def clip_seconds(self) -> float:
        """Length of a clip of the blind test."""
        return CLIP_SECONDS if self.seconds is None else self.seconds

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height of the pictures; ConfigError if size does not read like 960x600."""
        width, _, height = self.size.partition("x")
        if not (width.isdecimal() and height.isdecimal()):
            raise ConfigError(f"--size {self.size}: write it as WIDTHxHEIGHT, such as 960x600.")
        return int(width), int(height)

    @property
    def has_window(self) -> bool:
        """Whether to open a window: a screen is there (or SDL was told what to draw on) and it was not declined."""
        if self.headless:
            return False
        if sys.platform in ("win32", "darwin"):
            return True
        return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"))
