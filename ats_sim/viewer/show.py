"""What pages show: the status for their panels, with a picture as a JPEG or with what it takes to draw one oneself."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ats_sim.arrays import Array
from ats_sim.play.controls import STEP
from ats_sim.play.keys import KEYS
from ats_sim.play.minimap import Minimap
from ats_sim.play.pace import Pace
from ats_sim.play.player import Player
from ats_sim.play.session import Session
from ats_sim.play.status import Reporter
from ats_sim.rendering.home_renderer import LIGHT

QUALITY = 82
"""JPEG quality; above this the pictures only get larger."""
MAP_HEIGHT = 360


Kind = Literal["picture", "state"]
"""What a page waits for: a picture, or the state of the world, which it draws itself."""
KINDS: tuple[Kind, ...] = ("picture", "state")


@dataclass(frozen=True)
class Sight:
    """What a page shows at an instant."""

    kind: Kind
    """For which pages it is."""
    status: dict[str, Any]
    """Plain values for the panels and the plan."""
    data: bytes
    """The picture as a JPEG; or how every animal's skin is bent, (A, J, 3, 4) float32, see `bends`."""


@dataclass(frozen=True)
class Introduction:
    """What pages need once."""

    words: dict[str, Any]
    """The home's name, the keys, the plan, the light that animals are drawn in."""
    meshes: Mapping[str, Path]
    """The files of the home that pages draw, by name."""


class Show:
    """A player with what it takes to picture the walk."""

    def __init__(self, session: Session, size: tuple[int, int]) -> None:
        """Picture a session in a size (width, height); in the thread that opened it."""
        self.player = Player(session)
        """Who plays."""
        self._session, self._size = session, size
        self._reporter, self._pace = Reporter(self.player), Pace()
        self._minimap = Minimap(session, MAP_HEIGHT)
        home = session.world.home
        words = {
            "home": home.name,
            "keys": [[key.shown, key.meaning] for key in KEYS],
            "map": "data:image/png;base64," + base64.b64encode(encoded(self._minimap.picture, "PNG")).decode(),
            "light": asdict(LIGHT),
        }
        self.introduction = Introduction(words, {name: home.file(name) for name in ("scene.glb", "agent.glb")})
        """What pages need once."""

    def resize(self, width: int, height: int) -> None:
        """Draw for a page of width x height pixels."""
        self._size = (width, height)
        self._session.resize(width, height)

    def now(self, kind: Kind) -> Sight:
        """This instant."""
        return self._picture() if kind == "picture" else self._state()

    def instant(self, kind: Kind, seconds: float) -> tuple[float, ...]:
        """A mark that differs between instants which pages would show differently, at a time of the clock.

        Pictures change between the world's steps too; pages that draw do what is between two steps themselves.
        """
        if kind == "state":
            return (self.player.steps, self._session.world.ticks)
        return () if self.player.is_still else (seconds,)

    def _state(self) -> Sight:
        world, goal = self._session.world, self._session.walk.goal
        status = self._reporter.status().to_json() | {
            "pose": world.observer.pose.tolist(),
            "followed": self.player.follower.followed.tolist(),
            "goal": None if goal is None else [*goal[:2].tolist(), float(goal[2]) - self._session.root_height],
            "step": STEP / self.player.factor,
            "eye_height": world.observer.options.eye_height,
        }
        return Sight("state", status, bends(self._session).astype("<f4").tobytes())

    def _picture(self) -> Sight:
        started = time.perf_counter()
        size = self._size if self.player.is_still else self._pace.size(*self._size)
        rgb = self.player.draw(size).rgb
        status = self._reporter.status().to_json() | {"map": self._minimap.marks().to_json()}
        jpeg = encoded(rgb, "JPEG")
        if not self.player.is_still:
            self._pace.took(time.perf_counter() - started)
        return Sight("picture", status, jpeg)


def bends(session: Session) -> Array:
    """(A, J, 3, 4) maps from every animal's rest points, root frame, to where they are in the world (z up, metres)."""
    agents, skeleton = session.world.moment().agents, session.world.home.skeleton
    joints = skeleton.forward_kinematics(*(np.stack(part) for part in zip(*agents, strict=True)))
    return np.asarray(skeleton.skinning_transforms(joints)[..., :3, :])


def encoded(rgb: Array, form: str) -> bytes:
    """A picture (H, W, 3 or 4) uint8 as a JPEG or PNG file."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, form, quality=QUALITY)
    return stream.getvalue()
