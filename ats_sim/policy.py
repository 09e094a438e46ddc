"""The agent's mind at run time: goal, then path, then pose, each drawn by a few denoising calls.

Networks run in ONNX Runtime; the loop around them, the noise and the normalisation are NumPy, so that a plan depends on
nothing but the perceptions, the weights and the caller's random generators. Rows of a batch never mix. This is the only
file that imports onnxruntime, and it does so in `Policy.load`.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from ats_sim.arrays import Array
from ats_sim.denoising import GRAPHS, GUIDED, GUIDES, STAGES, Normalisation
from ats_sim.errors import ArrayError, PolicyError
from ats_sim.pace import hidden_where, velocity_now
from ats_sim.perception import FUTURE, HZ, PATCH_SHAPE, Perception, pack_motion
from ats_sim.plan import (
    Awareness,
    Plan,
    Signals,
    awareness_rows,
    carried_on,
    forced_signals,
    plans_from_ego,
)
from ats_sim.policy_fit import check_fit, check_graph
from ats_sim.samplers import sampler_of

if TYPE_CHECKING:
    from ats_sim.home import Home

__all__ = ["Awareness", "Plan", "Policy"]

SWITCHES = ("scene", "observer", "past", "guide")
"""Conditions in the order of the graphs' `keep` input."""
MAX_BATCH = 32
"""Rows per network call; longer batches are cut, as what lies between the layers should stay in the cache."""
PROVIDER_VARIABLE = "ATS_ONNX_PROVIDER"
"""Environment variable: `cuda` asks for the GPU, anything else runs on the CPU."""
FULLY_AWARE = Awareness()
Item = TypeVar("Item")


class Policy:
    """The trained behaviour of one home; made by `Policy.load`."""

    def __init__(self, sessions: Mapping[str, Any], spec: Mapping[str, Any]) -> None:
        """Wrap opened graphs; `spec` is the parsed `policy.json`."""
        self._sessions = sessions
        self._outputs = {name: list(spec["graphs"][name]["outputs"]) for name in GRAPHS}
        self._inputs = {name: list(spec["graphs"][name]["inputs"]) for name in GRAPHS}
        self._normalisation = Normalisation.from_json(spec["normalisation"])
        shapes = self._normalisation.shapes
        self._shapes = {**shapes, "path": (FUTURE, 3)}
        self._samplers = {stage: sampler_of(spec["schedule"], stage) for stage in STAGES}
        self._persistence = float(spec["schedule"]["persistence_s"])
        self._guidance = {stage: float(spec["schedule"].get("guidance", {}).get(stage, 1.0)) for stage in GUIDED}
        self._seen = np.array([name not in spec.get("hidden", ()) for name in SWITCHES], dtype=np.float32)
        self.joint_names: tuple[str, ...] = tuple(spec["joint_names"])
        """Joint order of every pose that goes in or comes out."""
        self.channels: tuple[str, ...] = tuple(spec["channels"])
        """Channel order of the scene patch."""

    @classmethod
    def load(cls, home: "Home", *, provider: str | None = None) -> Self:
        """Open the policy of a home.

        Args:
            home: A loaded home; its `policy_spec` names the graphs.
            provider: "cpu" or "cuda"; by default the environment variable ATS_ONNX_PROVIDER, else "cpu".

        Raises:
            PolicyError: If the home has no policy, or one that does not fit its skeleton or perception volume.
        """
        spec = home.policy_spec
        if spec is None:
            raise PolicyError(f"{home.folder}: this home has no policy; make one with `ats train`")
        where = f"{home.folder}/policy.json"
        try:
            check_fit(spec, home, where)
            sessions = {name: _open(home.file(spec["graphs"][name]["file"]), provider) for name in GRAPHS}
            for name in GRAPHS:
                check_graph(name, sessions[name], spec["graphs"][name], where)
            return cls(sessions, spec)
        except (KeyError, TypeError, ValueError, ArrayError) as error:
            raise PolicyError(f"{where}: not a usable policy ({error!r}); train the home again") from error

    @property
    def providers(self) -> tuple[str, ...]:
        """Execution providers really in use (asking for a GPU is no promise)."""
        return tuple(self._sessions["pose"].get_providers())

    def plan(
        self,
        perceptions: Sequence[Perception],
        rngs: Sequence[np.random.Generator],
        *,
        goals: Sequence[Array | None] | None = None,
        paths: Sequence[Array | None] | None = None,
        previous: Sequence[Plan | None] | None = None,
        executed: Sequence[int] | None = None,
        awareness: Awareness | Sequence[Awareness] = FULLY_AWARE,
        guidance: float = 1.0,
    ) -> list[Plan]:
        """Draw one plan per agent, all agents in one batch.

        Args:
            perceptions: What each of the N agents knows. The same object may come several times (samples of one
                future): it is then encoded once.
            rngs: One generator per agent; every call draws the same amount of noise, whatever is forced.
            goals: Forced goals (3,), world frame; None where the goal is drawn.
            paths: Forced paths (56, 3), world frame; None where the path is drawn. A path brings its goal along.
            previous: Running plans whose intention the new ones carry on (see `plan.carried_on`).
            executed: How many frames of each previous plan have been walked (default 0).
            awareness: What the agents may know; one for all, or one each.
            guidance: Above 1, goal and path answer more strongly to observer and goal (classifier-free guidance), by
                so many times the mind's own strength; 1 is the mind as it is, 0 ignores both.

        Returns:
            N plans.

        Raises:
            PolicyError: If an argument does not fit the policy or the number of agents.
        """
        count = len(perceptions)
        if len(rngs) != count:
            raise PolicyError(f"rngs: {len(rngs)} generators for {count} agents, want one each")
        if count == 0:
            return []
        if not np.isfinite(guidance):
            raise PolicyError(f"guidance: {guidance}, want a finite number")
        keep = awareness_rows(awareness, count) * self._seen
        codes = self._known(perceptions, keep)
        egos = np.array([perception.T_world_ego for perception in perceptions])
        wishes = zip(_per_agent("goals", goals, count), _per_agent("paths", paths, count), egos, strict=True)
        forced = [forced_signals(goal, path, T) for goal, path, T in wishes]
        plans, walked = _per_agent("previous", previous, count), _per_agent("executed", executed, count)
        running = zip(rngs, egos, plans, walked, strict=True)
        drawn = [self._noise(rng, ego, plan, frames or 0) for rng, ego, plan, frames in running]
        intentions = np.array([intention for intention, _ in drawn])
        noise = {"goal": intentions[:, 0], "path": intentions[:, 1:], "pose": np.array([pose for _, pose in drawn])}
        fresh = self._fresh_noise(rngs)
        draft = _Draft(codes, keep, noise, fresh, forced, guidance)

        goal = self._draw("goal", draft, {})
        path = self._draw("path", draft, {"goal": goal})
        pose = self._draw("pose", draft, {"path": path, "current": codes["current"]})
        return plans_from_ego(egos, goal, path, pose, intentions)

    def _noise(
        self, rng: np.random.Generator, T_world_ego: Array, previous: Plan | None, walked: int
    ) -> tuple[Array, Array]:
        """What an agent's stages start from: of goal and path (1 + K, 3), in which the running plan's intention lasts,
        and of the pose, always fresh."""
        shapes = self._normalisation.shapes
        fresh = rng.standard_normal((1 + shapes["path"][0], 3), np.float32)
        pose = rng.standard_normal(shapes["pose"], np.float32)
        keep = float(np.exp(-walked / (HZ * self._persistence)))
        return carried_on(previous, keep, T_world_ego, fresh), pose

    def _fresh_noise(self, rngs: Sequence[np.random.Generator]) -> Signals:
        """What the samplers add on their way; nothing where they are called a few times only."""
        shapes = {stage: (self._samplers[stage].fresh, *self._normalisation.shapes[stage]) for stage in STAGES}
        return {
            stage: np.array([rng.standard_normal(shape, np.float32) for rng in rngs]) for stage, shape in shapes.items()
        }

    def _known(self, perceptions: Sequence[Perception], keep: Array) -> Signals:
        """Codes of all conditions, and by what scale paths are drawn of agents that go as these do (one row each); of
        whom the past is hidden by the switches (N, 4), nobody knows how fast it goes."""
        codes = self._encode(perceptions)
        codes["velocity"] = hidden_where(codes["velocity"], keep[:, SWITCHES.index("past")])
        codes["centre"], codes["spread"] = self._normalisation.path_scale(codes["velocity"])
        return codes

    def _encode(self, perceptions: Sequence[Perception]) -> Signals:
        """Codes of all conditions, one row per agent; equal objects are encoded once."""
        unique = list({id(p): p for p in perceptions}.values())
        for perception in unique:
            self._check_shapes(perception)
        patches, observed = (np.stack([getattr(p, name) for p in unique]) for name in ("scene_patch", "observer_past"))
        past = np.stack([pack_motion(p.past_path, p.past_rotations, p.past_joints) for p in unique])
        for name, values in (("scene_patch", patches), ("observer_past", observed), ("past_*", past)):
            if not np.isfinite(values).all():
                raise PolicyError(f"perception.{name} holds NaN or infinity")
        codes = self._run("scene", {"scene_patch": patches})
        codes |= self._run("history", {"observer_past": observed, "past": past})
        codes["current"], codes["velocity"] = past[:, -1, 3:], velocity_now(past[..., :3], HZ)
        position = {id(p): i for i, p in enumerate(unique)}
        if len(unique) == len(perceptions):
            return codes
        rows = np.array([position[id(p)] for p in perceptions])
        return {name: value[rows] for name, value in codes.items()}

    def _check_shapes(self, perception: Perception) -> None:
        want = (len(self.channels), *PATCH_SHAPE)
        if perception.scene_patch.shape != want:
            raise PolicyError(f"scene patch has shape {perception.scene_patch.shape}, this policy wants {want}")
        joints = perception.past_joints.shape[-2]
        if joints != len(self.joint_names):
            raise PolicyError(f"perception of {joints} joints, this policy moves {len(self.joint_names)}")

    def _draw(self, stage: str, draft: "_Draft", guides: Signals) -> Array:
        """Draw one stage for all agents, in the ego frame; forced rows are taken as they are."""
        free = np.array([stage not in forced for forced in draft.forced])
        if free.all():
            return self._draw_free(stage, draft, guides, slice(None))
        decoded = np.zeros((len(free), *self._shapes[stage]))
        for row in np.flatnonzero(~free):
            decoded[row] = draft.forced[row][stage]
        if free.any():
            decoded[free] = self._draw_free(stage, draft, guides, free)
        return decoded

    def _draw_free(self, stage: str, draft: "_Draft", guides: Signals, rows: Array | slice) -> Array:
        start = draft.noise[stage][rows].astype(np.float32, copy=False)
        inputs = {name: value[rows] for name, value in (draft.codes | guides).items()}
        guidance = draft.guidance * self._guidance[stage] if stage in GUIDED else 1.0
        call = self._denoiser(stage, inputs, draft.keep[rows], guidance)
        signal = self._samplers[stage].draw(call, start, draft.fresh[stage][rows])
        return self._normalisation.decode(stage, signal, inputs["current"], inputs["velocity"])

    def _denoiser(self, stage: str, inputs: Signals, keep: Array, guidance: float) -> Callable[[Array, float], Array]:
        """The stage's network with its conditions bound; with guidance, both passes go as one batch."""
        if guidance == 1.0:
            return self._bound(stage, inputs | {"keep": keep})
        # Without observer and goal, but with scene and past: what is sharpened is the answer to those two.
        both = {name: np.concatenate([value, value]) for name, value in inputs.items()}
        both["keep"] = np.concatenate([keep, keep * np.array([1, 0, 1, 0], np.float32)])
        call = self._bound(stage, both)

        def guided(x: Array, level: float) -> Array:
            predicted = call(np.concatenate([x, x]), level)
            with_both, without = predicted[: len(x)], predicted[len(x) :]
            return without + np.float32(guidance) * (with_both - without)

        return guided

    def _bound(self, stage: str, inputs: Signals) -> Callable[[Array, float], Array]:
        """The stage's network with its conditions bound; its guide runs here, once for all calls."""
        if stage in GUIDES:
            inputs = inputs | self._run(GUIDES[stage], inputs)
        bound = {name: inputs[name].astype(np.float32, copy=False) for name in self._inputs[stage] if name in inputs}
        predicted = self._samplers[stage].predicts
        return lambda x, level: self._run(stage, bound | {"noisy": x, "level": _column(level, x)})[predicted]

    def _run(self, graph: str, inputs: Signals) -> Signals:
        names = self._outputs[graph]
        taken = {name: np.ascontiguousarray(inputs[name], dtype=np.float32) for name in self._inputs[graph]}
        count = len(next(iter(taken.values())))
        if count <= MAX_BATCH:
            return dict(zip(names, self._sessions[graph].run(names, taken), strict=True))
        parts = []
        for start in range(0, count, MAX_BATCH):
            cut = {name: value[start : start + MAX_BATCH] for name, value in taken.items()}
            parts.append(self._sessions[graph].run(names, cut))
        return {name: np.concatenate([part[i] for part in parts]) for i, name in enumerate(names)}


@dataclass(frozen=True, eq=False)
class _Draft:
    """What one call of `plan` shares between its stages; one entry or row per agent."""

    codes: Signals
    keep: Array
    noise: Signals
    fresh: Signals
    forced: list[Signals]
    guidance: float


def _column(level: float, like: Array) -> Array:
    return np.full((len(like), 1), level, dtype=np.float32)


def _per_agent(name: str, values: Sequence[Item] | None, count: int) -> Sequence[Item | None]:
    if values is None:
        return [None] * count
    if len(values) != count:
        raise PolicyError(f"{name}: {len(values)} entries for {count} agents, want one each")
    return values


def _open(path: Path, provider: str | None) -> Any:
    """Open a graph on one thread: at these sizes a second thread only burns the other core."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    wanted = (provider or os.environ.get(PROVIDER_VARIABLE, "cpu")).lower()
    providers = ["CPUExecutionProvider"]
    if wanted == "cuda":
        providers.insert(0, "CUDAExecutionProvider")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime's exceptions share no base class of their own
        raise PolicyError(f"{path}: not a graph that onnxruntime can open ({error})") from error


def policy_problems(path: str) -> list[str]:
    """What is wrong with the graphs of a home whose files are sound: each is opened, none is run."""
    from ats_sim.home import Home

    home = Home.load(path, require_policy=False)
    try:
        if home.policy_spec is not None:
            Policy.load(home)
    except PolicyError as error:
        return [str(error)]
    return []
