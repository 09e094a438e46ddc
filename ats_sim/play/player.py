"""What somebody at the keys can do: key names, mouse and head in, a walk that goes on in real time out.

Window and browser both talk to this and to nothing below it, so that a key cannot mean different things in them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace

import numpy as np

from ats_sim.arrays import Array
from ats_sim.play.controls import STEP, MouseLook, action_of
from ats_sim.play.events import Knowing, Rewind, Stance
from ats_sim.play.head import Follower, Head
from ats_sim.play.keys import HELD
from ats_sim.play.session import VIEWS, Session, View
from ats_sim.play.walk import OBSERVER
from ats_sim.rendering.frame import Frame

FACTORS = (0.25, 0.5, 1.0, 2.0)
"""How fast time may run."""
MOST_OWED = 0.3
"""Seconds that a slow machine may be behind; it then falls behind gently instead of stepping ever more per picture."""
KEY_TURN = np.array([1.0, 1.0, 0.45, 0.4])
"""Shares of the top speeds that keys ask for; only the mouse turns as fast as a head can."""
FUTURES, FUTURE_SECONDS, FUTURE_EVERY = 6, 2.0, 20
"""Futures shown, how far they look, and steps after which they are drawn anew."""


class Player:
    """Keys held, switches set, and how much time is owed to the world."""

    def __init__(self, session: Session) -> None:
        """Play in a session, which stays the caller's to close."""
        self.session = session
        self.held: set[str] = set()
        """Names of the keys that are down."""
        self.is_paused = self.is_crouched = self.is_captured = False
        self.shows_plan = self.shows_futures = self.shows_help = False
        self.wants_out = self.wants_picture = False
        """Whether to leave; whether a picture should be saved (the front end does it, and resets this)."""
        self.steps = 0
        """Steps that were walked; those turned back are not taken off."""
        self.played = 0.0
        """Seconds of playing, forwards or backwards, without pauses and without what a slow machine left out."""
        self.follower = Follower()
        """Who lets the observer follow a tracked head."""
        self._mouse = MouseLook(OBSERVER.yaw_rate, OBSERVER.pitch_rate)
        self._is_looking = False
        self._view = 0
        self._factor = FACTORS.index(1.0)
        self._owed = 0.0
        self._futures: tuple[int, Array] | None = None
        self._commands = self._command_table()

    @property
    def view(self) -> View:
        """From where the picture is taken."""
        return VIEWS[self._view]

    @property
    def factor(self) -> float:
        """Simulated seconds per second."""
        return FACTORS[self._factor]

    @property
    def is_rewinding(self) -> bool:
        """Whether time runs backwards."""
        return "z" in self.held and self.session.walk.rewindable > 0

    @property
    def is_still(self) -> bool:
        """Whether time stands still, so that there is time for a fine picture."""
        return self.is_paused and "z" not in self.held

    @property
    def share(self) -> float:
        """Share of the last step that has been reached, for smooth pictures between the steps."""
        if "z" in self.held:
            return 1.0 - self._owed / STEP
        return 1.0 if self.is_paused else min(1.0, self._owed / STEP)

    def key_down(self, name: str) -> None:
        """A key went down; names that mean nothing are ignored."""
        if name in HELD:
            if name == "z" and "z" not in self.held:
                self._turn_time()
            self.held.add(name)
        elif name in self._commands:
            self._commands[name]()

    def key_up(self, name: str) -> None:
        """A key went up."""
        if name == "z" and "z" in self.held:
            self._turn_time()
        self.held.discard(name)

    def release_all(self) -> None:
        """Nobody is at the keys any more."""
        for name in tuple(self.held):
            self.key_up(name)
        self._is_looking = self.is_captured = False
        self._mouse.stop()
        self.follower.head = None

    def follow(self, head: Head) -> None:
        """A tracked head has moved: the observer goes after it from the next step on."""
        self.follower.head = head
        self.is_crouched = head.is_crouched

    def mouse_button(self, is_right: bool, is_down: bool, across: float, down: float) -> None:
        """A button went down or up at a place of the picture (0 to 1 each way)."""
        if is_right:
            self._is_looking = is_down
        elif is_down:
            self._send(*((0.5, 0.5) if self.is_captured else (across, down)))

    def mouse_move(self, across: float, down: float) -> None:
        """The mouse moved by pixels right and down; the head follows if it is captured or its right button is held."""
        if self.is_captured or self._is_looking:
            self._mouse.move(across, down)

    def advance(self, seconds: float, *, until: int | None = None) -> None:
        """Let real time pass: the world steps, or runs backwards, as often as that takes.

        Args:
            seconds: Since the last call.
            until: Number of `steps` at which to stop.
        """
        is_back = "z" in self.held
        if self.is_paused and not is_back:
            self._owed = 0.0
            return
        rate, before = (1.0 if is_back else self.factor), self._owed
        self._owed = min(before + min(seconds, 0.25) * rate, MOST_OWED)
        self.played += (self._owed - before) / rate
        while self._owed >= STEP and (until is None or self.steps < until):
            self._owed -= STEP
            if is_back:
                self._step_back()
            else:
                self.step()

    def step(self) -> None:
        """Let 0.1 s pass with the keys as they are."""
        stance = "run" if "shift" in self.held else "crouch" if self.is_crouched else "walk"
        if self.session.world.stance != stance:
            self.session.do(Stance(stance))
        keys = action_of(self.held, MouseLook(1.0, 1.0)) * KEY_TURN
        observer = self.session.world.observer
        self.session.step(keys + action_of((), self._mouse) + self.follower.action(observer))
        self.follower.note(observer)
        self.steps += 1

    def draw(self, size: tuple[int, int]) -> Frame:
        """The picture of this instant, width x height."""
        return self.session.draw(
            self.view, self.share, shows_plan=self.shows_plan, futures=self._sampled_futures(), size=size
        )

    def _turn_time(self) -> None:
        """Time begins, or stops, to run backwards: from the very instant that is shown, so that no picture jumps."""
        self._owed = 0.0 if self.is_paused else STEP - min(self._owed, STEP)
        if self.is_paused and "z" not in self.held:
            self._step_back()

    def _step_back(self) -> None:
        if self.session.walk.rewindable > 0:
            self.session.do(Rewind(self.session.world.ticks - 1))
            self.is_crouched = self.session.world.stance == "crouch"
        else:
            self._owed = 0.0

    def _send(self, across: float, down: float) -> None:
        self.session.send_to_pixel(self.view, across, down)

    def _know(self, name: str) -> None:
        """Flip what the first agent may perceive."""
        before = asdict(self.session.world.agents[0].steering.awareness)
        self.session.do(replace(Knowing(**before), **{name: not before[name]}))

    def _sampled_futures(self) -> Array | None:
        """(n, K, 4, 4) root poses of the first agent in some futures, drawn anew every other second."""
        world = self.session.world
        if not self.shows_futures or world.policy is None:
            return None
        tick = world.ticks
        if self._futures is None or not 0 <= tick - self._futures[0] < FUTURE_EVERY:
            self._futures = tick, world.sample_futures(FUTURES, FUTURE_SECONDS)[:, 0]
        return self._futures[1]

    def _command_table(self) -> Mapping[str, Callable[[], None]]:
        def flip(switch: str) -> Callable[[], None]:
            return lambda: setattr(self, switch, not getattr(self, switch))

        def turn_on(switch: str) -> Callable[[], None]:
            return lambda: setattr(self, switch, True)

        return {
            "space": flip("is_paused"), "c": flip("is_crouched"), "m": flip("is_captured"),
            "p": flip("shows_plan"), "f": flip("shows_futures"), "h": flip("shows_help"),
            "q": turn_on("wants_out"), "escape": turn_on("wants_out"), "n": turn_on("wants_picture"),
            "v": self._next_view, ",": lambda: self._hurry(-1), ".": lambda: self._hurry(1),
            "1": lambda: self._know("scene"), "2": lambda: self._know("observer"), "3": lambda: self._know("past"),
            "g": lambda: self._send(0.5, 0.5), "backspace": self.session.release_goal, "r": self._begin_anew,
        }  # fmt: skip

    def _next_view(self) -> None:
        self._view = (self._view + 1) % len(VIEWS)

    def _hurry(self, by: int) -> None:
        self._factor = min(max(self._factor + by, 0), len(FACTORS) - 1)

    def _begin_anew(self) -> None:
        self.session.reset()
        self._owed, self._futures = 0.0, None
        self._mouse.stop()
