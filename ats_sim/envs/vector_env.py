"""Many homes at once: `gym.make_vec("ATSHome-v0", num_envs=N)` steps N worlds whose agents all think in one batch.

One world at a time would ask the networks N times for one plan; together they ask once for N. `workers=W` spreads the
worlds over W processes, each of which thinks for its own. Either way every world goes exactly as a single environment
with its seed would: same seeds, same bits.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from ats_sim.arrays import Array
from ats_sim.envs.buffers import arrays_in, bytes_of
from ats_sim.envs.home_env import ATSHomeEnv
from ats_sim.envs.options import EnvOptions, whole_number
from ats_sim.envs.workers import Workers
from ats_sim.envs.world_batch import FINAL, INFO, OBSERVED, WorldBatch, layout_of, open_envs
from ats_sim.errors import ActionError, AtsError, ConfigError
from ats_sim.home import Home
from ats_sim.observer import ACTION_SLACK
from ats_sim.planning import Mind

MOST_ENVS, MOST_WORKERS = 4096, 256
OWN_OPTIONS = ("home", "policy", "num_envs", "max_episode_steps", "autoreset_mode", "workers")


class ATSHomeVectorEnv(VectorEnv[dict[str, Array], Array, Array]):  # type: ignore[misc]
    """N environments as one; spaces, rewards and infos are those of `ATSHomeEnv`, batched as Gymnasium does it.

    `reset(seed=...)` takes an int (world i gets seed + i) or one entry per world; `options` go to every world, and
    `options["reset_mask"]` (N,) bool says which are reset. `call("snapshot")`, `call("sample_futures", 8, 2.0)` and so
    on ask every world; `call_each` gives every world its own argument. All arrays that come back are new.

    All worlds of a process share one home, one policy and one renderer: a hundred worlds of the bundled home take
    0.2 GB (`benchmarks/simulator.py`).
    """

    def __init__(
        self,
        home: "str | Path | Home" = "default",
        *,
        num_envs: int = 1,
        max_episode_steps: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        workers: int = 0,
        policy: Mind | None = None,
        **options: Any,
    ) -> None:
        """Open N worlds of a home.

        Args:
            home: As for `ATSHomeEnv`.
            num_envs: N.
            max_episode_steps: Steps after which an episode is truncated; None or -1 for never.
            autoreset_mode: When ended episodes begin anew: "NextStep" (with the next step), "SameStep" (at once; the
                end is in `infos["final_obs"]` and `infos["final_info"]`) or "Disabled" (by `reset_mask`).
            workers: Processes that share the worlds between them; 0 simulates in this one. A script that asks for some
                needs the usual `if __name__ == "__main__":`, as its main module is imported again in each.
            policy: As for `ATSHomeEnv`; with workers it must be possible to pickle it.
            options: The fields of `ats_sim.envs.options.EnvOptions`.

        Raises:
            ConfigError: If an option has no such value.
            HomeError: If the home is missing, damaged, or has no policy.
        """
        whole_number("num_envs", num_envs, 1, MOST_ENVS)
        whole_number("workers", workers, 0, min(num_envs, MOST_WORKERS))
        self.num_envs = num_envs
        self._autoreset = _autoreset(autoreset_mode)
        limits = (max_episode_steps, self._autoreset)
        EnvOptions.read(options, OWN_OPTIONS)
        envs = open_envs(home, 1 if workers else num_envs, policy, options)
        first = envs[0]
        self._describe(first)
        layout = layout_of(first, self._autoreset)
        self._parts = first.layout
        self._batch: WorldBatch | Workers
        if workers:
            first.close()
            where = str(self.home.folder) if isinstance(home, Home) else str(home)
            self._batch = Workers(where, policy, options, layout, num_envs, workers, limits)
            self._arrays = self._batch.arrays
        else:
            self._arrays = arrays_in(bytearray(bytes_of(layout, num_envs)), layout, num_envs)
            self._batch = WorldBatch(envs, self._arrays, *limits)
        self._is_reset = np.zeros(num_envs, dtype=np.bool_)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Array], dict[str, Any]]:
        """Begin episodes, in all worlds or those of `options["reset_mask"]`.

        Raises:
            ConfigError: If seeds, mask or options make no sense.
        """
        self._refuse_closed()
        seeds = self._seeds(seed)
        given = dict(options or {})
        mask = self._mask(given.pop("reset_mask", None))
        chosen = np.flatnonzero(mask).tolist()
        self._batch.reset(chosen, [seeds[index] for index in chosen], given or None)
        self._is_reset |= mask
        return self._observations(), self._infos(INFO, mask)

    def step(self, actions: Array) -> tuple[dict[str, Array], Array, Array, Array, dict[str, Any]]:
        """Advance all worlds by 0.1 s; what ended begins anew as `autoreset_mode` says.

        Raises:
            ActionError: If the actions are no finite floating point array (N, 4) in [-1, 1]; nothing has happened then.
        """
        self._refuse_closed()
        waiting = self._arrays["ended"] if self._autoreset is AutoresetMode.DISABLED else ~self._is_reset
        if waiting.any() or not self._is_reset.all():
            raise ResetNeeded(f"worlds {np.flatnonzero(waiting).tolist()} must be reset first (`reset_mask`)")
        self._arrays["action"][:] = _checked_actions(actions, self.num_envs)
        self._batch.step()
        arrays = self._arrays
        infos: dict[str, Any] = {}
        if self._autoreset is AutoresetMode.SAME_STEP and arrays["ended"].any():
            infos = self._last_moments(np.array(arrays["ended"]))
        infos |= self._infos(INFO, np.ones(self.num_envs, dtype=np.bool_))
        flags = arrays["terminated"].copy(), arrays["truncated"].copy()
        return self._observations(), arrays["reward"].copy(), *flags, infos

    def call(self, name: str, *arguments: Any, **keywords: Any) -> tuple[Any, ...]:
        """Call a method of `ATSHomeEnv` in every world."""
        return self.call_each(name, [arguments] * self.num_envs, **keywords)

    def call_each(self, name: str, arguments: Sequence[tuple[Any, ...]], **keywords: Any) -> tuple[Any, ...]:
        """Call a method of `ATSHomeEnv` in every world with a tuple of positional arguments for each.

        `call_each("restore", [(blob,) for blob in blobs])` continues from `blobs = call("snapshot")`; observations then
        come with the next step, and the count of steps goes on.
        """
        self._refuse_closed()
        if len(arguments) != self.num_envs or not callable(getattr(ATSHomeEnv, name, None)):
            raise ConfigError(
                f"call {name!r} with {len(arguments)} arguments: want a method and {self.num_envs} of them"
            )
        return tuple(self._batch.call(name, arguments, keywords))

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute of `ATSHomeEnv` of every world."""
        return self.call("__getattribute__", name)

    def render(self) -> tuple[Array | None, ...]:
        """The picture of every world, as `ATSHomeEnv.render`."""
        return self.call("render")

    def close_extras(self, **kwargs: Any) -> None:
        """Close all worlds and end the workers."""
        if "_batch" in self.__dict__:
            self._batch.close()

    def _describe(self, first: ATSHomeEnv) -> None:
        self.render_mode = first.render_mode
        self.metadata = ATSHomeEnv.metadata | {"autoreset_mode": self._autoreset}
        self.single_observation_space = first.observation_space
        self.single_action_space = first.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.home: Home = first.world.home
        """The home that all worlds are copies of."""

    def _observations(self, prefix: str = "") -> dict[str, Array]:
        observed = {name: self._arrays[f"{prefix}{name}"] for name in OBSERVED if name in self._arrays}
        state = self._parts.split(observed.pop("state"))
        return {name: values.copy() for name, values in (state | observed).items()}

    def _infos(self, prefix: str, mask: Array) -> dict[str, Any]:
        """As Gymnasium batches infos: an array per leaf, zero where a world has none, and a mask beside it."""
        infos: dict[str, Any] = {}
        for name, values in self._arrays.items():
            if name.startswith(prefix):
                kept = values.copy()
                kept[~mask] = 0
                *folders, leaf = name.removeprefix(prefix).split("/")
                place = infos
                for folder in folders:
                    place[f"_{folder}"] = mask.copy()
                    place = place.setdefault(folder, {})
                place[leaf], place[f"_{leaf}"] = kept, mask.copy()
        if "task" not in infos:  # a task without terms
            infos["task"], infos["_task"] = {}, mask.copy()
        return infos

    def _last_moments(self, ended: Array) -> dict[str, Any]:
        observations = self._observations(FINAL)
        final = np.full(self.num_envs, None, dtype=object)
        for index in np.flatnonzero(ended).tolist():
            final[index] = {name: values[index].copy() for name, values in observations.items()}
        info = self._infos(f"{FINAL}{INFO}", ended)
        return {"final_obs": final, "_final_obs": ended.copy(), "final_info": info, "_final_info": ended.copy()}

    def _seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, int | np.integer):
            return [int(seed) + index for index in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise ConfigError(f"seed: {len(seed)} seeds for {self.num_envs} worlds, want one each")
        return [None if one is None else int(one) for one in seed]

    def _mask(self, mask: Any) -> Array:
        if mask is None:
            return np.ones(self.num_envs, dtype=np.bool_)
        fits = isinstance(mask, np.ndarray) and mask.dtype == np.bool_ and mask.shape == (self.num_envs,)
        if not fits or not mask.any():
            raise ConfigError(f"reset_mask: {mask!r}, want a bool array ({self.num_envs},) with at least one True")
        return np.array(mask)

    def _refuse_closed(self) -> None:
        if self.closed:
            raise AtsError("the vector environment is closed; make a new one")


def _autoreset(mode: AutoresetMode | str) -> AutoresetMode:
    try:
        return AutoresetMode(mode)
    except ValueError as error:
        known = ", ".join(repr(one.value) for one in AutoresetMode)
        raise ConfigError(f"autoreset_mode={mode!r}: there is {known}") from error


def _checked_actions(actions: object, count: int) -> Array:
    """Actions as float64 (N, 4) within [-1, 1], as `observer.checked_action` for each."""
    if not isinstance(actions, np.ndarray) or not np.issubdtype(actions.dtype, np.floating):
        raise ActionError(f"actions: {type(actions).__name__}, want a NumPy array of floats, shape ({count}, 4)")
    if actions.shape != (count, 4):
        raise ActionError(f"actions: shape {actions.shape}, want ({count}, 4)")
    wanted = actions.astype(np.float64)
    # Comparisons with NaN are false, so this refuses it too.
    if not (np.abs(wanted) <= 1.0 + ACTION_SLACK).all():
        worst = int(np.argmin((np.abs(wanted) <= 1.0 + ACTION_SLACK).all(1)))
        told = "leaves [-1, 1]; clip it first" if np.isfinite(wanted[worst]).all() else "is not finite"
        raise ActionError(f"actions: {wanted[worst].tolist()} of world {worst} {told}")
    return np.clip(wanted, -1.0, 1.0)
