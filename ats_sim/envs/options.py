"""How an environment is set up: every keyword that `gym.make("ATSHome-v0", ...)` takes besides `home` and `policy`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any, Literal, Self, get_args

import numpy as np

from ats_sim.envs.tasks import TASKS
from ats_sim.errors import ConfigError
from ats_sim.filmer import Filmer
from ats_sim.geometry import Intrinsics
from ats_sim.home import Home
from ats_sim.observer import ObserverOptions
from ats_sim.perception import FUTURE
from ats_sim.planning import Mind
from ats_sim.rendering.renderer import Backend
from ats_sim.world import MAX_AGENTS, Physics, World

ObsMode = Literal["state", "rgbd"]
CameraName = Literal["observer", "third_person", "birdseye", "agent"]
ObserverBuild = Literal["anybody", "filmer"]
Shown = Literal["plan", "ghost", "futures", "support"]
RENDER_MODES = ("human", "rgb_array", "depth_array")
SMALLEST, LARGEST = 36, 4096  # pixels; learning libraries refuse smaller pictures
FIELD_OF_VIEW = float(np.deg2rad(60.0))


@dataclass(frozen=True)
class EnvOptions:
    """The options of one environment; all can be written as JSON.

    Raises ConfigError where a value makes no sense.
    """

    obs_mode: ObsMode = "state"
    """"state", or "rgbd" to add the observer's colour and depth pictures."""
    segmentation: bool = False
    """With "rgbd": add who is in each pixel."""
    task: str = "free"
    """What is rewarded: "free" (nothing), "follow", "approach" or "film"; see `ats_sim.envs.tasks`."""
    shaping_discount: float = 1.0
    """1 rewards plain progress, so that sums of rewards tell who did best; the learner's own discount leaves the best
    behaviour exactly as it is (Ng et al. 1999)."""
    num_agents: int = 1
    """Agents that live here, up to 16."""
    physics: Physics = "kinematic"
    """"kinematic" bodies go where their plans say; "dynamic" ones are pushed and pulled by an engine."""
    replan_every: int = 5
    """Steps between two plans of an agent, 1 to 56."""
    observer: ObserverBuild = "anybody"
    """"anybody", or "filmer": an observer as tall as whoever filmed the animal, no faster in walking and turning, and
    with the phone's field of view. The animal learned from that person and from nobody else."""
    observer_speed: float = 1.4
    """The observer's top walking speed, m/s."""
    observer_radius: float = 0.2
    """Radius of the observer's body, metres."""
    render_mode: str | None = None
    """None, "human", "rgb_array" or "depth_array"."""
    width: int = 192
    """Pixels of every picture."""
    height: int = 144
    """Pixels of every picture."""
    camera: CameraName = "observer"
    """Whose eyes `render` uses; "agent" is the first agent's."""
    show: tuple[Shown, ...] = ()
    """What `render` draws into the picture: "plan" (goals and paths), "ghost" (the recorded animal while a video is
    replayed), "futures" (paths that the animal may take instead, drawn anew at every step) and "support" (where the
    real animal was recorded)."""
    renderer: Backend = "auto"
    """Which renderer draws; "auto" takes the best that works here."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "show", (self.show,) if isinstance(self.show, str) else tuple(self.show))
        _choose("obs_mode", self.obs_mode, get_args(ObsMode))
        _choose("task", self.task, tuple(TASKS))
        _choose("physics", self.physics, get_args(Physics))
        _choose("camera", self.camera, get_args(CameraName))
        _choose("observer", self.observer, get_args(ObserverBuild))
        _choose("render_mode", self.render_mode, (None, *RENDER_MODES))
        _choose("renderer", self.renderer, get_args(Backend))
        for one in self.show:
            _choose("show", one, get_args(Shown))
        _choose("segmentation", self.segmentation, (False, True))
        _within("shaping_discount", self.shaping_discount, 0.0, 1.0)
        whole_number("num_agents", self.num_agents, 1, MAX_AGENTS)
        whole_number("replan_every", self.replan_every, 1, FUTURE)
        whole_number("width", self.width, SMALLEST, LARGEST)
        whole_number("height", self.height, SMALLEST, LARGEST)
        _within("observer_speed", self.observer_speed, 0.0, 10.0)
        _within("observer_radius", self.observer_radius, 0.05, 0.5)
        if self.segmentation and self.obs_mode != "rgbd":
            raise ConfigError("segmentation=True: only pictures can be segmented; add obs_mode='rgbd'")

    @classmethod
    def read(cls, keywords: Mapping[str, Any], besides: Sequence[str] = ("home", "policy")) -> Self:
        """Options from keywords; `besides` are those that the environment itself takes.

        Raises:
            ConfigError: If there is no such option or its value makes no sense.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(keywords) - known)
        if unknown:
            raise ConfigError(f"unknown options {unknown}; there are {', '.join([*besides, *sorted(known)])}")
        return cls(**keywords)

    @property
    def picture(self) -> tuple[int, int] | None:
        """(H, W) of the pictures in observations; None where there are none."""
        return (self.height, self.width) if self.obs_mode == "rgbd" else None

    def build_world(self, home: Home, policy: Mind) -> World:
        """Bring a home to life.

        Raises:
            ConfigError: If a number is out of range, or the home does not know who filmed it.
            HomeError: If the home has no room for the observer or the agents.
        """
        observer = ObserverOptions(
            speed=self.observer_speed, radius=self.observer_radius, start_apart=TASKS[self.task].START_APART
        )
        eyes = Intrinsics.from_fov(FIELD_OF_VIEW, self.width, self.height)
        if self.observer == "filmer":
            filmer = Filmer.of(home)
            observer, eyes = filmer.body(observer), filmer.eyes(eyes)
        return World(
            home,
            policy=policy,
            num_agents=self.num_agents,
            replan_every=self.replan_every,
            observer=observer,
            eyes=eyes,
            physics=self.physics,
        )


def _choose(name: str, value: object, known: tuple[object, ...]) -> None:
    if value not in known:
        raise ConfigError(f"{name}={value!r}: there is {', '.join(repr(one) for one in known)}")


def whole_number(name: str, value: object, low: int, high: int) -> None:
    """Raise ConfigError if a value is no whole number or out of range."""
    if isinstance(value, bool) or not isinstance(value, Integral) or not low <= int(value) <= high:
        raise ConfigError(f"{name}={value!r}: want a whole number from {low} to {high}")


def _within(name: str, value: object, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, Real) or not low <= float(value) <= high:
        raise ConfigError(f"{name}={value!r}: want a number from {low} to {high}")
