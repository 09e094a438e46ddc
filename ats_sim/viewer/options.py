"""What a user can choose about the browser view. No heavy imports: the command line reads this for its --help."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ats_sim.errors import ConfigError
from ats_sim.play.options import PlayOptions


@dataclass(frozen=True)
class ViewOptions:
    """How a walk in the browser runs."""

    home: str = "default"
    """default, a home folder, or a .zip of one."""
    port: int = 8765
    """Port on 127.0.0.1, the only address that is ever listened on; 0 takes any free one. /vr there is for headsets."""
    agents: int = 1
    """How many agents live in the home, 1 to 16."""
    seed: int = PlayOptions.seed
    """Everything random follows from this number."""
    log: Path | None = None
    """New file to write the walk to, line by line (.jsonl), never one with a walk in; `ats play --replay` does it."""
    open: bool = True
    """Open your browser at once, where there is a screen."""
    renderer: Literal["auto", "moderngl", "raycast"] = "auto"
    """Who draws: moderngl needs OpenGL, raycast needs nothing, auto takes what works."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"--port {self.port}: must lie between 0 and 65535.")
        _ = self.play  # refuses what a walk would refuse, before anything is opened

    @property
    def play(self) -> PlayOptions:
        """The same as options of a walk."""
        return PlayOptions(home=self.home, agents=self.agents, seed=self.seed, log=self.log, renderer=self.renderer)

    @property
    def opens_browser(self) -> bool:
        """Whether to open the user's browser."""
        return self.open and self.play.has_window
