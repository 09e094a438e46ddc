"""Training batches. Everything random about step k comes from a generator seeded by (seed, k), so that a training that
was killed goes on exactly as if it had not been: the step count is the whole state of its randomness and its place in
the data.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.denoising import STAGES, Normalisation
from ats_sim.geometry import rigid, yaw_matrix
from ats_sim.models.approaches import draw_rows
from ats_sim.models.config import TrainConfig
from ats_sim.models.diffusion import draw_levels
from ats_sim.models.mirror import Mirror
from ats_sim.models.windows import Windows
from ats_sim.pace import hidden_where, velocity_now
from ats_sim.perception import HZ, ROOT_WIDTH, scene_patch
from ats_sim.volume import PerceptionVolume

CONDITIONS: Sequence[str] = ("scene", "observer", "past", "guide")


@dataclass(frozen=True, eq=False)
class Batch:
    """B windows ready for the networks; float32 throughout."""

    inputs: dict[str, Array]
    """Conditions under the graphs' input names (scene_patch, observer_past, past, goal, path, current, centre, spread,
    keep), and for the loss of paths their reach."""
    clean: dict[str, Array]
    """Per stage: unit-sized true signals."""
    noise: dict[str, Array]
    """Per stage: standard normal."""
    level: dict[str, Array]
    """Per stage: (B,) noise levels."""
    seen: Array
    """(B, 56) one where the agent was in sight, zero where its body is not known."""


@dataclass(frozen=True, eq=False)
class BatchMaker:
    """Draws the batch of any step."""

    windows: Windows
    volume: PerceptionVolume
    normalisation: Normalisation
    mirror: Mirror | None
    config: TrainConfig
    size: int

    def batch(self, step: int) -> Batch:
        """The batch of a step; the same for the same step."""
        rng = np.random.default_rng([self.config.seed, step])
        keep = self._keep(self.size, rng)
        even = rng.integers(len(self.windows), size=self.size)
        often = draw_rows(self.windows.observer_past, self.config.approaches, self.size, rng)
        rows = np.where(keep[:, CONDITIONS.index("observer")], often, even)
        flipped = rng.random(self.size) < (0.5 if self.mirror is not None else 0.0)
        return self.make(rows, flipped, keep, rng)

    def make(self, rows: Array, flipped: Array, keep: Array, rng: np.random.Generator) -> Batch:
        """The batch of given windows, some of them mirrored, with conditions hidden where `keep` (B, 4) says so."""
        chosen = self.windows.select(rows)
        patch = np.stack([scene_patch(self.volume, T) for T in self._jittered(chosen.T_world_ego, rng)])
        observer, past, future = chosen.observer_past, chosen.past, chosen.future
        if self.mirror is not None:
            patch = np.stack([self.mirror.patch(p) if f else p for p, f in zip(patch, flipped, strict=True)])
            turned = flipped[:, None, None]
            observer = np.where(turned, self.mirror.points(observer), observer)
            past = np.where(turned, self.mirror.motion(past), past)
            future = np.where(turned, self.mirror.motion(future), future)
        past = self._disturbed(past, rng)
        observer = observer + self.config.observer_noise * rng.standard_normal((len(rows), 1, 3), np.float32)
        current = past[:, -1, 3:]
        velocity = hidden_where(velocity_now(past[..., :3], HZ), keep[:, CONDITIONS.index("past")])
        centre, spread = self.normalisation.path_scale(velocity)
        path = future[..., :3]
        signals = {"goal": path[:, -1], "path": path, "pose": future[..., 3:]}
        clean = {name: self.normalisation.encode(name, signals[name], current, velocity) for name in STAGES}
        inputs = {
            "scene_patch": patch,
            "observer_past": observer,
            "past": self._jolted(past, rng),
            "goal": path[:, -1],
            "path": path,
            "current": current,
            "centre": centre,
            "spread": spread,
            "reach": self.normalisation.path_reach(velocity),
            "keep": keep,
        }
        return Batch(
            inputs={name: value.astype(np.float32) for name, value in inputs.items()},
            clean={name: value.astype(np.float32) for name, value in clean.items()},
            noise={name: rng.standard_normal(clean[name].shape, np.float32) for name in STAGES},
            level={name: draw_levels(rng, len(rows)) for name in STAGES},
            seen=chosen.seen.astype(np.float32),
        )

    def _jittered(self, T_world_ego: Array, rng: np.random.Generator) -> Array:
        """Ego frames (B, 4, 4) moved a little on the floor and turned a little."""
        shift = self.config.scene_jitter * rng.standard_normal((len(T_world_ego), 3))
        turn = yaw_matrix(0.5 * shift[:, 2])
        shift[:, 2] = 0.0
        return T_world_ego @ rigid(turn, shift)

    def _jolted(self, past: Array, rng: np.random.Generator) -> Array:
        """The past (B, 8, D) with every joint held a little otherwise throughout: to the tenth of a radian, how it held
        itself names the very moment, and a mind that knows the moment by heart needs no observer to know the flight."""
        jitter = self.config.pose_jitter * rng.standard_normal((len(past), 1, past.shape[-1]), np.float32)
        jitter[..., :ROOT_WIDTH] = 0.0
        return past + jitter

    def _disturbed(self, past: Array, rng: np.random.Generator) -> Array:
        """The past with noise; the current position stays the origin."""
        noise = rng.standard_normal(past.shape, np.float32) * self.config.past_noise
        noise[:, -1, :3] = 0.0
        return past + noise

    def _keep(self, count: int, rng: np.random.Generator) -> Array:
        keep = rng.random((count, len(CONDITIONS))) >= self.config.drop
        return keep & np.array([name not in self.config.ablate for name in CONDITIONS])
