"""A walk without a screen: a scripted observer, filmed with a plan of the home in the corner."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.play.events import Stance
from ats_sim.play.hud import Hud
from ats_sim.play.options import PlayOptions
from ats_sim.play.session import Session, View
from ats_sim.play.summary import Summary
from ats_sim.play.walk import OBSERVER
from ats_sim.play.walker import Walker
from ats_sim.progress import track
from ats_sim.video import VideoWriter

SECONDS = 20.0
STEPS_PER_SECOND = 10
PICTURES_PER_STEP = {"moderngl": 2, "raycast": 1}
SLOW_SIZE = 320
INSET = 0.32
CLOSE = (1.6, 2.2)
"""Metres to the animal at which the film goes to first person, and back."""
CLOSE_ACTS = ("circling", "sitting still")
"""What is filmed through the observer's eyes; the rest is filmed over the shoulder."""
FRAME_COLOR = (255, 255, 255)
CALM = (float(np.radians(110.0)), float(np.radians(60.0)))
"""Turning speeds (rad/s) that are pleasant to watch."""
CALM_SHARE = np.array([1.0, 1.0, CALM[0] / OBSERVER.yaw_rate, CALM[1] / OBSERVER.pitch_rate])


def walk_for_film(session: Session, options: PlayOptions, home_name: str) -> Summary:
    """Let the scripted observer walk, write the film, and tell how it was."""
    path = options.record or Path("play.mp4")
    steps = round((options.seconds or SECONDS) * STEPS_PER_SECOND)
    width, height = film_size(session.renderer.backend, options)
    pictures = PICTURES_PER_STEP.get(session.renderer.backend, 1)
    walker = Walker(session.world.observer.clearance, OBSERVER.radius, OBSERVER.run_speed, *CALM)
    # The stance that allows the script's highest speed; its slower parts ask for a share of it.
    session.do(Stance("run"))
    artist = _Artist(session, (width, height))
    began = time.perf_counter()
    with VideoWriter(path, width, height, STEPS_PER_SECOND * pictures) as film:
        for step in track(range(steps), "walking through the home"):
            observer, agent = session.world.observer, session.world.agents[0]
            eye_height = float(observer.T_world_camera[2, 3])
            action = walker.action(step / steps, observer.pose, eye_height, agent.T_world_root[:3, 3])
            session.step(action * CALM_SHARE)
            for picture in range(1, pictures + 1):
                film.write(artist.draw(picture / pictures, walker.act(step / steps).name))
    return Summary.of(session, home_name, wall_seconds=time.perf_counter() - began, film=path)


def film_size(backend: str, options: PlayOptions) -> tuple[int, int]:
    """The chosen size, or a smaller one of its shape where the backend draws slowly."""
    width, height = options.pixels
    if backend == "moderngl" or width <= SLOW_SIZE:
        return width, height
    return SLOW_SIZE, max(48, round(height * SLOW_SIZE / width))


class _Artist:
    """Composes the film's pictures."""

    def __init__(self, session: Session, size: tuple[int, int]) -> None:
        self._session, self._size = session, size
        self._inset = (round(size[0] * INSET), round(size[1] * INSET))
        self._hud = Hud(*size)
        self._view: View = "third_person"

    def _look(self, act: str) -> None:
        """Through the observer's own eyes where its figure would hide the animal; not back and forth at the border."""
        near = CLOSE[0] if self._view == "third_person" else CLOSE[1]
        is_close = self._session.diary.distance < near
        self._view = "observer" if is_close or act in CLOSE_ACTS else "third_person"

    def draw(self, share: float, act: str) -> Array:
        """One picture (H, W, 3) uint8 at a share of the last step, with what the observer is up to."""
        self._look(act)
        picture = self._session.draw(self._view, share, size=self._size).rgb
        inset = self._session.draw("birdseye", share, shows_plan=True, size=self._inset).rgb
        bordered = np.pad(inset, ((2, 2), (2, 2), (0, 0)))
        bordered[[0, 1, -2, -1]] = FRAME_COLOR
        bordered[:, [0, 1, -2, -1]] = FRAME_COLOR
        height, width = bordered.shape[:2]
        picture[-height:, -width:] = bordered
        surface = self._hud.surface(picture)
        self._hud.caption(surface, describe(self._session, act))
        return self._hud.pixels(surface)


def describe(session: Session, act: str) -> str:
    """One line about both: what the observer is up to, what the agent does, how far it is."""
    diary = session.diary
    doing = diary.reaction or diary.activity
    seconds = session.world.time
    return f"{seconds:4.1f} s    you are {act}    the animal is {doing}, {diary.distance:.1f} m away"
