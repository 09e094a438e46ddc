"""`ATSHome-v0`: you are the observer in a home where a learned animal lives (Gymnasium, 10 Hz).

The observation, action, reward and info tables are in the class docstring, the options in `ats_sim.envs.options`.
Everything random comes from `reset(seed=...)`; the same seed and actions give the same bits on the same machine, in any
process, and in the vector environment.
"""

from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded

import ats_sim.envs.probes as probes
from ats_sim.arrays import Array
from ats_sim.envs.description import Description, describe
from ats_sim.envs.information import alone
from ats_sim.envs.keys import keys_to_action
from ats_sim.envs.observations import StateLayout, observation_space
from ats_sim.envs.options import RENDER_MODES, EnvOptions
from ats_sim.envs.pictures import Pictures
from ats_sim.envs.shared import shared_home, shared_mind
from ats_sim.envs.tasks import TASKS
from ats_sim.errors import ArrayError, AtsError, ConfigError
from ats_sim.home import Home
from ats_sim.measures import measure
from ats_sim.observer import checked_action
from ats_sim.planning import Mind, think
from ats_sim.snapshot import pack, pack_rng, unpack, unpack_rng
from ats_sim.world import World

TASK_PREFIX = "task_"


class ATSHomeEnv(gymnasium.Env[dict[str, Array], Array]):  # type: ignore[misc]
    """A home with its agents, seen and walked through by the observer.

    Action: `Box(-1, 1, (4,), float32)`: forward, left, yaw left, pitch up, as fractions of the observer's top speeds.

    Observation: a flat `Dict` of float32 boxes. `observer_position (3,)` of the eyes, `observer_rotation (4,)`
    quaternion xyzw of the camera (OpenCV axes), `observer_velocity (6,)` linear then angular, and for A agents one
    after the other `agent_position (3A,)`, `agent_rotation (4A,)`, `agent_velocity (6A,)`, `agent_joints (3JA,)`
    axis-angle, `agent_visible (A,)` share of the body in view. With `obs_mode="rgbd"` also `rgb (H, W, 3)` uint8 and
    `depth (H, W, 1)` float32 metres, 0 where nothing is, and with `segmentation=True` `segmentation (H, W, 1)` uint8:
    0 nothing, 1 the home, 2 + i agent i, 255 what is drawn over the picture. `ats_sim.envs.observer_frame` turns the
    state into one vector in the observer's own frame, which is easier to learn from.

    Reward: the sum of the task's terms, which are named in `info["task"]`; a good step is worth about 1. With several
    animals it is about the first.

    - `free`: always 0, never ends.
    - `follow`: stay 1 to 2 m behind the animal. `band` up to 0.6 in that distance, `facing` up to 0.2 for looking at
      it, `behind` up to 0.2, `shaping` 2 per metre nearer to the band, `scared` -1 while it flees. Never ends.
    - `approach`: come within 0.6 m (or reach). `shaping` 1 per 0.14 m nearer, `hurry` down to -0.5 for walking fast
      within 1.5 m, `success` 10, `scared` -10; both end the episode.
    - `film`: `visible` up to 0.4, `centred` up to 0.3, `size` up to 0.3 for filling 0.2 to 0.5 of the picture,
      `steady` down to -1 for jerk. Never ends.

    "It flees": it moves away from an observer within 2 m, faster than 0.35 m/s for half a second. Shaping is the
    difference of a potential under `shaping_discount`, 1 if nothing is said: plain progress. `ats_sim.envs.tasks` has
    every constant. Time limits are Gymnasium's.

    Info, the same keys, types and shapes at every step: `time`; `goal (A, 3)` and `planned_path (A, 56, 3)` of the
    running plan (an animal that was sent far goes there by stages, of which the plan's goal is the next);
    `goal_imposed` (whether it was sent somewhere), `blocked`, `attention` (whom each agent attends to: 0 the observer,
    i + 1 agent i, -1 nobody), `distance`, `visibility`, `penetration`, `foot_skate`, `floating`, `in_reach`,
    `data_support` (seconds that the real animal was recorded in the 3x3 cells of `data_support_map()` around it),
    `out_of_data`, each `(A,)`;
    `observer_support` (seconds); `observer_unlike` (share of the last 0.8 s' eye heights, speeds, turns and distances
    that whoever filmed the home did not show); `task`; `replay_active` and `replay`, which has `ade`, `minade` (m),
    `valid` (whether the recorded animal was seen at this moment; others do not count in `ade`), `finished` and
    `real_position (3,)` of the recorded animal, zeros while nothing is replayed.

    Options of `gym.make`: `home`; `task`; `obs_mode` "state" or "rgbd", `segmentation`; `num_agents` up to 16;
    `physics` "kinematic" or "dynamic"; `replan_every` 1 to 56 steps; `observer` "anybody" or "filmer" (as tall and
    as quick as whoever filmed, through the phone's lens); `observer_speed` m/s, `observer_radius` m;
    `shaping_discount`; `render_mode` "rgb_array", "depth_array" or "human", `width`, `height`, `camera` "observer",
    "third_person", "birdseye" or "agent", `show` any of "plan", "ghost", "futures", "support"; `renderer`; `policy`, a
    mind in place of the home's own. `ats_sim.envs.options.EnvOptions` has a sentence on each.

    `reset(options=...)`: `observer_pose (3,)` x, y, yaw; `agent_poses (A, 4)` x, y, z, yaw; `goal (3,)` and `path
    (56, 3)` that the animals are forced to; `awareness` {"scene": bool, "observer": bool, "past": bool}; `guidance`;
    `stance` "walk", "run" or "crouch"; `replay` {"video": name, "start": seconds, "samples": K}. While a video is
    replayed the observer goes where its camera went, whatever the actions say.

    `snapshot()`, `restore()`, `sample_futures()`, `steer()`, `set_stance()`, `awareness_effect()`,
    `data_support_map()` and `replay_names()` are reached through `env.unwrapped`. Pickling and `copy.deepcopy` keep the
    state.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": list(RENDER_MODES), "render_fps": 10}

    def __init__(self, home: "str | Path | Home" = "default", *, policy: Mind | None = None, **options: Any) -> None:
        """Open a home.

        Args:
            home: "default", a home folder, a `.zip` of one, or a loaded home, which several environments may share.
            policy: A mind in place of the home's own.
            options: The fields of `ats_sim.envs.options.EnvOptions`.

        Raises:
            ConfigError: If there is no such option, or it has no such value.
            HomeError: If the home is missing, damaged, or has no policy.
        """
        self._arguments = {"home": home, "policy": policy, **options}
        self.options = EnvOptions.read(options)
        """How it is set up."""
        self.render_mode = self.options.render_mode
        if not isinstance(home, Home | str | Path):
            raise ConfigError(f"home={home!r}: want a folder, a .zip, 'default' or a loaded home")
        if policy is not None and not hasattr(policy, "plan"):
            raise ConfigError(f"policy={policy!r}: want something with the method `plan` of `ats_sim.policy.Policy`")
        opened = home if isinstance(home, Home) else shared_home(home, require_policy=policy is None)
        self.world: World = self.options.build_world(opened, policy or shared_mind(opened))
        """The simulated world; `env.unwrapped.world` for those who want to look closer."""
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (4,), np.float32)
        self.observation_space = observation_space(opened, self.options)
        self.layout = StateLayout(self.options.num_agents, opened.skeleton.num_joints)
        """Where the state's entries lie in one row of numbers."""
        self.task = TASKS[self.options.task](self.options.shaping_discount)
        """What is rewarded."""
        self.pictures = Pictures(opened, self.options)
        """What draws; environments of one process may share it."""
        self._is_reset = False
        self._is_closed = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Array], dict[str, Any]]:
        """Begin an episode; see the class docstring and Gymnasium's `Env.reset`."""
        self.begin(seed, options)
        think([self.world])
        now = self.describe(None)
        return self._observation(now.states[0]), alone(now.info)

    def step(self, action: Array) -> tuple[dict[str, Array], float, bool, bool, dict[str, Any]]:
        """Advance by 0.1 s.

        Raises:
            ActionError: If the action is not a finite floating point array (4,) in [-1, 1]; nothing has happened then.
        """
        self._refuse_unready("step")
        wanted = checked_action(action)
        think([self.world])
        self.world.advance(wanted)
        think([self.world])
        now = self.describe(wanted)
        return self._observation(now.states[0]), now.rewards[0], now.terminated[0], False, alone(now.info)

    def begin(self, seed: int | None, options: dict[str, Any] | None) -> None:
        """The first half of `reset`, for those who let many worlds think together: after it a `think` is due."""
        self._refuse_closed()
        super().reset(seed=seed)
        self.world.reset(self.np_random, options, plans=False)
        self._is_reset = True

    def describe(self, action: Array | None) -> Description:
        """The second half of `step`, or of `reset` without an action."""
        return describe(self.layout, [self.world], [self.task], [action])

    def take_pictures(self) -> dict[str, Array]:
        """The pictures of the observation, new; draws the window where there is one."""
        seen = self.pictures.observed(self.world) if self.options.obs_mode == "rgbd" else {}
        if self.render_mode == "human":
            self.pictures.show(self.world)
        return seen

    def render(self) -> Array | None:
        """Draw the present moment: (H, W, 3) uint8, (H, W) float32 metres, or None where a window shows it."""
        self._refuse_unready("render")
        if self.render_mode in (None, "human"):
            return None
        frame = self.pictures.draw(self.world)
        return np.array(frame.depth if self.render_mode == "depth_array" else frame.rgb)

    def close(self) -> None:
        """Give physics client, renderer and window back; safe to call again."""
        if self.__dict__.get("_is_closed", True):
            return
        self._is_closed = True
        self.pictures.close()
        self.world.close()

    def get_keys_to_action(self) -> dict[Any, Array]:
        """Keys for `gymnasium.utils.play.play`: W A S D walk, arrows look; every combination, and none, is mapped."""
        return keys_to_action()

    def snapshot(self) -> bytes:
        """The whole state as one portable blob: bodies, plans, histories, the task, every random generator.

        Continuing and restoring give the same bits, in another process too. Time limits are counted by wrappers and
        are not part of it.
        """
        self._refuse_unready("snapshot")
        task = {f"{TASK_PREFIX}{name}": value for name, value in self.task.state().items()}
        own = {"np_random": pack_rng(self.np_random), "task": np.array(self.options.task)}
        return pack(self.world.state() | own | task)

    def restore(self, blob: bytes) -> dict[str, Array]:
        """Continue from a snapshot of the same home and number of agents; returns the observation there.

        In a new environment call `env.reset()` first: Gymnasium's wrapper lets nobody step before.

        A snapshot that was taken under another task begins this environment's task anew.

        Raises:
            ConfigError: If the blob is damaged or belongs elsewhere.
        """
        self._refuse_closed()
        state = unpack(blob)
        same_task = str(state.get("task", "")) == self.options.task
        task = {name.removeprefix(TASK_PREFIX): v for name, v in state.items() if name.startswith(TASK_PREFIX)}
        before = self.task.state()
        try:
            if same_task:
                self.task.load_state(task)
            self.world.load_state(state)
        except (ArrayError, KeyError, TypeError, ValueError) as error:
            self.task.load_state(before)
            raise error if isinstance(error, ConfigError) else ConfigError(f"snapshot: damaged ({error!r})") from error
        if "np_random" in state:
            self.np_random = unpack_rng(state["np_random"])
        self._is_reset = True
        if not same_task:
            return self._observation(self.describe(None).states[0])
        states = np.empty((1, self.layout.size), dtype=np.float32)
        self.layout.write(states, [self.world], measure([self.world.household()]))
        return self._observation(states[0])

    def sample_futures(self, n: int, seconds: float) -> Array:
        """(n, A, T, 4, 4) root poses of n imagined futures with the observer standing still; nothing changes."""
        self._refuse_unready("sample_futures")
        return self.world.sample_futures(n, seconds)

    def steer(self, index: int = 0, **changes: Any) -> None:
        """Impose `goal`, `path`, `awareness` or `guidance` on an agent from the next step on; see `World.steer`."""
        self._refuse_unready("steer")
        self.world.steer(index, **changes)

    def set_stance(self, stance: str) -> None:
        """Let the observer "walk", "run" or "crouch" from the next step on; see `World.set_stance`."""
        self._refuse_unready("set_stance")
        self.world.set_stance(stance)

    def awareness_effect(self, n: int = 16) -> dict[str, Array]:
        """Metres by which "scene", "observer" and "past" each move the agents' next plans (A,); see `probes`."""
        self._refuse_unready("awareness_effect")
        return probes.awareness_effect(self.world, n)

    def data_support_map(self) -> tuple[Array, Array, float]:
        """Seconds (X, Y) that the real agent was recorded in each cell, centre (2,) of cell [0, 0], cell edge (m)."""
        return probes.data_support_map(self.world.home)

    def replay_names(self) -> tuple[str, ...]:
        """The videos that `reset(options={"replay": {"video": name}})` takes."""
        return probes.replay_names(self.world.home)

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

    def _observation(self, row: Array) -> dict[str, Array]:
        return self.layout.split(row) | self.take_pictures()

    def _refuse_closed(self) -> None:
        if self._is_closed:
            raise AtsError("the environment is closed; make a new one")

    def _refuse_unready(self, call: str) -> None:
        self._refuse_closed()
        if not self._is_reset:
            raise ResetNeeded(f"cannot call `{call}` before `reset`")
