"""A walk without pictures: the world and the six things that change it, remembered and written down."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ConfigError
from ats_sim.observer import ObserverOptions
from ats_sim.play.events import Event, Goal, Knowing, Reset, Rewind, Stance, Step
from ats_sim.play.log import Header, WalkLog
from ats_sim.play.memory import Memory
from ats_sim.world import World

if TYPE_CHECKING:
    from ats_sim.home import Home
    from ats_sim.planning import Mind

OBSERVER = ObserverOptions(yaw_rate=float(np.radians(240.0)), pitch_rate=float(np.radians(150.0)))


class Walk:
    """One home brought to life; everything that happens to it goes through `do`. Close it at the end."""

    def __init__(self, home: Home, mind: Mind | None, header: Header, log: Path | None = None) -> None:
        """Build the world and begin.

        Args:
            home: A loaded home.
            mind: Thinks for the agents; None lets them stand still.
            header: How many agents, and the seed.
            log: File to write the walk to, or None.

        Raises:
            ConfigError, HomeError: Where the world cannot be built, or something is in the log already.
            OSError: Where the log cannot be written.
        """
        self.world = World(home, policy=mind, num_agents=header.agents, observer=OBSERVER)
        """The world that is being walked in."""
        self.memory = Memory()
        """The last minutes."""
        self.seconds_spent = 0.0
        """Real time that the world's steps took."""
        self._rng = np.random.default_rng(header.seed)
        self._log: WalkLog | None = None
        self.do(Reset())
        if log is not None:
            try:
                self._log = WalkLog(log, header, self.world.state())
            except (ConfigError, OSError):
                self.world.close()
                raise

    def do(self, event: Event) -> None:
        """Let something happen.

        Raises:
            ConfigError: If the world refuses it. It is then as it was, and nothing is written down.
        """
        world = self.world
        if isinstance(event, Step):
            started = time.perf_counter()
            world.step(np.array(event.action, dtype=np.float64))
            self.seconds_spent += time.perf_counter() - started
        elif isinstance(event, Stance):
            world.set_stance(event.stance)
        elif isinstance(event, Goal):
            world.steer(0, goal=None if event.place is None else np.array(event.place))
        elif isinstance(event, Knowing):
            world.steer(0, awareness=asdict(event))
        elif isinstance(event, Rewind):
            world.load_state(self.memory.back_to(event.to))
        else:
            world.reset(self._rng)
            self.memory.forget()
        self._remember(event)

    @property
    def goal(self) -> Array | None:
        """(3,) place where the first agent was sent, until it is freed."""
        return self.world.agents[0].steering.goal

    @property
    def rewindable(self) -> int:
        """Steps that time can go back."""
        return self.world.ticks - self.memory.first

    def close(self) -> None:
        """End the log and give the world back; calling it twice is fine."""
        if self._log is not None:
            self._log.close(self.world.state())
            self._log = None
        self.world.close()

    def _remember(self, event: Event) -> None:
        if self._log is None and not isinstance(event, Step | Reset):
            return
        state = self.world.state()
        if isinstance(event, Step | Reset):
            self.memory.keep(self.world.ticks, state)
        if self._log is not None:
            self._log.note(event, state)
