"""The present moment as a player should know it: the animal's mind in plain view, the observer, and time."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from ats_sim.play.player import Player
from ats_sim.world import World

Tone = Literal["plain", "good", "warn", "dim"]
FEW_SECONDS = 0.5
"""Seconds of recording around a place below which it counts as never seen."""
VIEW_NAMES = {
    "observer": "your eyes", "third_person": "over your shoulder", "birdseye": "bird's eye", "agent": "its eyes"
}  # fmt: skip
STILL = ("resting", "looking around")
REACTIONS: dict[str, Tone] = {"fleeing": "warn", "coming closer": "good"}
STANCE_NAMES = {"walk": "walking", "run": "running", "crouch": "crouching"}


@dataclass(frozen=True)
class Row:
    """One line of a panel."""

    label: str
    """What it is about, in a word."""
    value: str
    """What there is to say."""
    tone: Tone = "plain"
    """How it is meant."""


@dataclass(frozen=True)
class Status:
    """What both front ends show."""

    title: str
    """Which animal the first panel is about."""
    animal: tuple[Row, ...]
    """The first agent's mind."""
    you: tuple[Row, ...]
    """The observer and time."""
    knows: tuple[tuple[str, bool], ...]
    """Keys 1, 2 and 3: what the agent may perceive, and whether it does."""
    warning: str
    """Something that puts what is seen in doubt; empty when nothing does."""
    badge: str
    """What time is doing when it does not simply run: paused, rewinding, slow; else empty."""
    view: str
    """From where the picture is taken: observer, third_person, birdseye or agent."""
    shows_help: bool
    """Whether the keys are to be shown."""
    is_captured: bool
    """Whether the mouse looks all the time."""
    observer: tuple[float, float, float, float]
    """The observer's x, y (m), yaw and eye height (rad, m), for whoever reads this by machine."""
    time: float
    """Seconds since the reset."""
    stance: str
    """The observer's stance."""

    def to_json(self) -> dict[str, Any]:
        """The status as plain values."""
        return asdict(self)


class Reporter:
    """Tells a player's status."""

    def __init__(self, player: Player) -> None:
        """Watch a player."""
        self._player = player

    def status(self) -> Status:
        """How things are."""
        player, world = self._player, self._player.session.world
        pose = world.observer.pose
        eyes = world.observer.T_world_camera
        known = asdict(world.agents[0].steering.awareness)
        names = {"scene": "the home", "observer": "you", "past": "its past"}
        return Status(
            title="the animal" if len(world.agents) == 1 else f"the first of {len(world.agents)} animals",
            animal=self._animal(),
            you=self._you(),
            knows=tuple((names[name], bool(on)) for name, on in known.items()),
            warning="" if self._seconds_here() >= FEW_SECONDS else "the real animal was never seen here",
            badge=self._badge(),
            view=player.view,
            shows_help=player.shows_help,
            is_captured=player.is_captured,
            observer=(float(pose[0]), float(pose[1]), float(pose[2]), float(eyes[2, 3])),
            time=round(world.time, 3),
            stance=world.stance,
        )

    def _animal(self) -> tuple[Row, ...]:
        session, world = self._player.session, self._player.session.world
        agent, diary = world.agents[0], session.diary
        doing = diary.reaction or diary.activity
        moves = f", {diary.speed:.1f} m/s" if doing not in STILL else ""
        rows = [Row("is", doing + moves, REACTIONS.get(diary.reaction, "plain"))]
        to_goal = float(np.linalg.norm((agent.goal() - agent.T_world_root[:3, 3])[:2]))
        if session.walk.goal is not None:
            rows.append(Row("goal", f"where you sent it, {to_goal:.1f} m", "good"))
        else:
            rows.append(Row("goal", f"{to_goal:.1f} m away" if to_goal > 0.15 else "here"))
        rows.append(attention_row(world))
        rows.append(Row("from you", f"{diary.distance:.1f} m"))
        if agent.blocked:
            rows.append(Row("way", "barred", "warn"))
        return tuple(rows)

    def _you(self) -> tuple[Row, ...]:
        player, world = self._player, self._player.session.world
        speed = float(np.hypot(*world.observer.velocity[:2]))
        doing = STANCE_NAMES[world.stance] if speed > 0.05 else {"crouch": "crouching"}.get(world.stance, "standing")
        rows = [Row("are", f"{doing}, {speed:.1f} m/s" if speed > 0.05 else doing)]
        rows.append(Row("view", VIEW_NAMES[player.view], "dim"))
        minutes, seconds = divmod(int(world.time), 60)
        factor = f"  x{player.factor:g}" if player.factor != 1.0 else ""
        rows.append(Row("time", f"{minutes}:{seconds:02d}{factor}", "good" if factor else "dim"))
        return tuple(rows)

    def _badge(self) -> str:
        player = self._player
        if "z" in player.held:
            left = player.session.walk.rewindable / 10.0
            return f"rewinding, {left:.0f} s left" if left > 0.0 else "nothing left to rewind"
        return "paused" if player.is_paused else ""

    def _seconds_here(self) -> float:
        """Seconds that the real animal was recorded around the first agent's place."""
        world = self._player.session.world
        volume = world.home.perception
        return volume.agent_seconds_at(*world.agents[0].T_world_root[:2, 3].tolist())


def attention_row(world: World) -> Row:
    """Whom the first agent attends to."""
    whom = int(world.attention()[0])
    if whom == 0:
        return Row("attends to", "you", "good")
    return Row("attends to", f"animal {whom}" if whom > 0 else "nobody", "dim" if whom < 0 else "plain")
