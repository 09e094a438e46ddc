"""`ATSHome-v0`: you are the observer in a home where a learned animal lives (Gymnasium, 10 Hz).

The observation, action and option tables are in the class docstring. Everything random comes from `reset(seed=...)`;
the same seed and actions give the same bits on the same machine, in any process.
"""

from pathlib import Path
from typing import Any, ClassVar, Literal

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded

from ats_sim.arrays import Array
from ats_sim.envs.keys import keys_to_action
from ats_sim.envs.observations import MAX_DEPTH, info_of, observation_space, state_of
from ats_sim.envs.pictures import CAMERAS, Pictures
from ats_sim.errors import AtsError, ConfigError
from ats_sim.geometry import Intrinsics
from ats_sim.home import Home
from ats_sim.observer import ObserverOptions
from ats_sim.planning import Mind
from ats_sim.snapshot import pack, pack_rng, unpack, unpack_rng
from ats_sim.world import World

TASKS = ("free",)
OBS_MODES = ("state", "rgbd")
SMALLEST, LARGEST = 36, 4096  # pixels; learning libraries refuse smaller pictures
FIELD_OF_VIEW = float(np.deg2rad(60.0))


class ATSHomeEnv(gymnasium.Env[dict[str, Array], Array]):  # type: ignore[misc]
    """A home with its agents, seen and walked through by the observer.

    Action: `Box(-1, 1, (4,), float32)`: forward, left, yaw left, pitch up, as fractions of the observer's top speeds.

    Observation: a flat `Dict` of float32 boxes. `observer_position (3,)` of the eyes, `observer_rotation (4,)`
    quaternion xyzw of the camera (OpenCV axes), `observer_velocity (6,)` linear then angular, and for A agents one
    after the other `agent_position (3A,)`, `agent_rotation (4A,)`, `agent_velocity (6A,)`, `agent_joints (3JA,)`
    axis-angle, `agent_visible (A,)` share of the body in view. With `obs_mode="rgbd"` also `rgb (H, W, 3)` uint8 and
    `depth (H, W, 1)` float32 metres, 0 where nothing is.

    Info: `goal (A, 3)`, `planned_path (A, 56, 3)`, `distance`, `visibility`, `penetration`, `foot_skate`,
    `data_support` and `blocked`, each `(A,)`, `observer_support`, `time`, and `task`, the terms of the reward.

    `reset(options=...)` takes what `ats_sim.reset_options.read_reset_options` documents. The reward of the free task
    is 0 and it never terminates; the time limit is Gymnasium's.

    `snapshot()`, `restore()`, `sample_futures()` and `steer()` are reached through `env.unwrapped`. Pickling and
    `copy.deepcopy` keep the state.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "render_modes": ["human", "rgb_array", "depth_array"],
        "render_fps": 10,
    }

    def __init__(
        self,
        home: "str | Path" = "default",
        *,
        obs_mode: Literal["state", "rgbd"] = "state",
        task: str = "free",
        num_agents: int = 1,
        render_mode: str | None = None,
        width: int = 192,
        height: int = 144,
        camera: Literal["observer", "third_person", "birdseye"] = "observer",
        replan_every: int = 5,
        observer_speed: float = 1.4,
        observer_radius: float = 0.2,
        renderer: str = "auto",
        policy: Mind | None = None,
    ) -> None:
        """Open a home.

        Args:
            home: "default", a home folder, or a `.zip` of one.
            obs_mode: "state", or "rgbd" to add the observer's colour and depth pictures.
            task: What is rewarded; "free" rewards nothing.
            num_agents: Agents that live here.
            render_mode: None, "human", "rgb_array" or "depth_array".
            width: Pixels of every picture.
            height: Pixels of every picture.
            camera: Whose eyes `render` uses.
            replan_every: Steps between two plans of an agent.
            observer_speed: Top walking speed, m/s.
            observer_radius: Radius of the observer's body, metres.
            renderer: Which renderer draws; "auto" takes the best that works here.
            policy: A mind in place of the home's own.

        Raises:
            ConfigError: If an option has no such value.
            HomeError: If the home is missing, damaged, or has no policy.
        """
        self._arguments = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        _choose("obs_mode", obs_mode, OBS_MODES)
        _choose("task", task, TASKS)
        _choose("camera", camera, CAMERAS)
        _choose("render_mode", render_mode, (None, *self.metadata["render_modes"]))
        _within("width", width, SMALLEST, LARGEST)
        _within("height", height, SMALLEST, LARGEST)
        _within("observer_speed", observer_speed, 0.0, 10.0)
        _within("observer_radius", observer_radius, 0.05, 0.5)
        self.render_mode = render_mode
        self._obs_mode, self._camera = obs_mode, camera
        self._eyes = Intrinsics.from_fov(FIELD_OF_VIEW, width, height)
        opened = Home.load(home, require_policy=policy is None)
        self.world: World = World(
            opened,
            policy=policy or _policy_of(opened),
            num_agents=num_agents,
            replan_every=replan_every,
            observer=ObserverOptions(speed=observer_speed, radius=observer_radius),
            eyes=self._eyes,
        )
        """The simulated world; `env.unwrapped.world` for those who want to look closer."""
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (4,), np.float32)
        size = (height, width) if obs_mode == "rgbd" else None
        self.observation_space = observation_space(opened, num_agents, size)
        self._pictures = Pictures(opened, self._eyes, renderer)
        self._is_reset = False
        self._is_closed = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Array], dict[str, Any]]:
        """Begin an episode; see the class docstring and Gymnasium's `Env.reset`."""
        self._refuse_closed()
        super().reset(seed=seed)
        self.world.reset(self.np_random, options)
        self._is_reset = True
        return self._present()

    def step(self, action: Array) -> tuple[dict[str, Array], float, bool, bool, dict[str, Any]]:
        """Advance by 0.1 s.

        Raises:
            ActionError: If the action is not a finite floating point array (4,) in [-1, 1]; nothing has happened then.
        """
        self._refuse_unready("step")
        self.world.step(action)
        observation, info = self._present()
        return observation, 0.0, False, False, info

    def render(self) -> Array | None:
        """Draw the present moment: (H, W, 3) uint8, (H, W) float32 metres, or None where a window shows it."""
        self._refuse_unready("render")
        if self.render_mode in (None, "human"):
            return None
        frame = self._pictures.draw(self.world.moment(), self._camera)
        return np.array(frame.depth if self.render_mode == "depth_array" else frame.rgb)

    def close(self) -> None:
        """Give physics client, renderer and window back; safe to call again."""
        if self.__dict__.get("_is_closed", True):
            return
        self._is_closed = True
        self._pictures.close()
        self.world.close()

    def get_keys_to_action(self) -> dict[Any, Array]:
        """Keys for `gymnasium.utils.play.play`: W A S D walk, arrows look; every combination, and none, is mapped."""
        return keys_to_action()

    def snapshot(self) -> bytes:
        """The whole state as one portable blob: bodies, plans, histories, every random generator.

        Continuing and restoring give the same bits, in another process too. Time limits are counted by wrappers and
        are not part of it.
        """
        self._refuse_unready("snapshot")
        return pack(self.world.state() | {"np_random": pack_rng(self.np_random)})

    def restore(self, blob: bytes) -> dict[str, Array]:
        """Continue from a snapshot of the same home and number of agents; returns the observation there.

        Raises:
            ConfigError: If the blob is damaged or belongs elsewhere.
        """
        self._refuse_closed()
        state = unpack(blob)
        self.world.load_state(state)
        if "np_random" in state:
            self.np_random = unpack_rng(state["np_random"])
        self._is_reset = True
        return self._present()[0]

    def sample_futures(self, n: int, seconds: float) -> Array:
        """(n, A, T, 4, 4) root poses of n imagined futures with the observer standing still; nothing changes."""
        self._refuse_unready("sample_futures")
        return self.world.sample_futures(n, seconds)

    def steer(self, index: int = 0, **changes: Any) -> None:
        """Impose `goal`, `path`, `awareness` or `guidance` on an agent from the next step on; see `World.steer`."""
        self._refuse_unready("steer")
        self.world.steer(index, **changes)

    def __getstate__(self) -> dict[str, Any]:
        blob = self.snapshot() if self._is_reset and not self._is_closed else None
        kept = {
            name: self.__dict__[name] for name in ("spec", "_np_random", "_np_random_seed") if name in self.__dict__
        }
        return {"arguments": self._arguments, "snapshot": blob, "kept": kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state["arguments"])  # type: ignore[misc]
        self.__dict__.update(state["kept"])
        if state["snapshot"] is not None:
            self.restore(state["snapshot"])

    def _present(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Observation and info of this moment, all arrays new; draws the window where there is one."""
        measures = self.world.measure()
        observation = state_of(self.world, measures)
        if self._obs_mode == "rgbd":
            frame = self._pictures.draw(self.world.moment(), "observer")
            observation["rgb"] = np.array(frame.rgb, dtype=np.uint8)
            observation["depth"] = np.clip(frame.depth, 0.0, MAX_DEPTH).astype(np.float32)[..., None]
        if self.render_mode == "human":
            self._pictures.show(self.world, self._camera)
        return observation, info_of(self.world, measures)

    def _refuse_closed(self) -> None:
        if self._is_closed:
            raise AtsError("the environment is closed; make a new one")

    def _refuse_unready(self, call: str) -> None:
        self._refuse_closed()
        if not self._is_reset:
            raise ResetNeeded(f"cannot call `{call}` before `reset`")


def _policy_of(home: Home) -> Mind:
    from ats_sim.policy import Policy

    return Policy.load(home)


def _choose(name: str, value: object, known: tuple[object, ...]) -> None:
    if value not in known:
        raise ConfigError(f"{name}={value!r}: there is {', '.join(repr(one) for one in known)}")


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{name}={value!r}: want {low} to {high}")
