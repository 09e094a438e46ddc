"""Drawing from a diffusion model by a few denoising calls, and the numbers that make its signals unit-sized.

Signals are corrupted along straight lines, x_s = (1 - s) x_0 + s n with n standard normal and s from 1 (noise) to 0
(data). A network predicts the clean x_0; the loop follows where the predictions lead. Clean prediction on straight
lines keeps its quality at four calls, where noise prediction falls apart (reference: flow matching, Lipman et al. 2023;
ATS itself uses 50 ancestral steps of noise prediction). No onnxruntime and no torch here: training uses the
same normalisation.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.pace import Pace
from ats_sim.perception import FUTURE

Denoiser = Callable[[Array, float], Array]
"""Predicts the clean signal from a noisy one (N, ...) at a noise level in (0, 1]."""
Stage = str
STAGES: tuple[Stage, ...] = ("goal", "path", "pose")
GUIDES: Mapping[Stage, str] = {"path": "path_guide", "pose": "pose_guide"}
"""Stages whose denoiser takes activations of another network, which runs once for all calls."""
GRAPHS = ("scene", "history", *GUIDES.values(), *STAGES)
"""All networks of a policy."""
GUIDED = ("goal", "path")
"""Stages that guidance sharpens; a pose only follows its path (ATS does the same)."""
GUIDE_NAMES = tuple(f"guide_{i}" for i in range(6))
"""What those activations are called."""


RESTING = np.zeros(3)


def falling_levels(calls: int, crowding: float = 2.0) -> tuple[float, ...]:
    """Noise levels of a loop with that many network calls, from 1 down to 0, closer to each other where it matters.

    What a guide has nearly settled is decided at low noise only: with even steps (`crowding` 1), the spread of a future
    that is known to a tenth comes out half as wide as it should. What is open is decided at high noise: four or five
    calls draw mixtures best at 1.7 to 1.8 (benchmarks/samplers.py).
    """
    return tuple((1.0 - i / calls) ** crowding for i in range(calls + 1))


def denoise(denoiser: Denoiser, start: Array, levels: tuple[float, ...]) -> Array:
    """Walk from a noisy signal to a clean one (deterministic: all randomness is in the start).

    On straight lines dx/ds = (x - x_0(x, s)) / s. Between two levels the clean prediction is taken as linear in s,
    from this call and the one before, for which the equation has a closed form (a two-step exponential integrator, of
    second order; the first step is of first order). To hold the prediction constant instead, as the usual loop does,
    draws everything toward the mean: of a standard normal, eight calls leave a deviation of .85, three of .64.

    Args:
        denoiser: Predicts the clean signal.
        start: (N, ...) the signal at noise level `levels[0]`; standard normal where that is 1.
        levels: Falling noise levels; the last is 0.

    Returns:
        (N, ...) the clean signal.
    """
    signal = start
    slope: Array | float = 0.0
    before: tuple[Array, float] | None = None
    for level, following in zip(levels[:-1], levels[1:], strict=True):
        clean = denoiser(signal, level)
        if before is not None:
            slope = (clean - before[0]) / (level - before[1])
        bend = following * math.log(level / following) if following > 0.0 else 0.0
        share = following / level
        signal = share * signal + (1.0 - share) * (clean - level * slope) + bend * slope
        before = (clean, level)
    return signal


def path_basis(frames: int = FUTURE, size: int = 18) -> Array:
    """Orthonormal smooth curves (frames, size) that start at 0: a straight line and quarter-wave sines.

    A path drawn in this basis cannot jitter, and the seam to the past is continuous by construction.
    """
    time = np.arange(1, frames + 1) / frames
    columns = [time] + [np.sin((k + 0.5) * np.pi * time) for k in range(size - 1)]
    basis, upper = np.linalg.qr(np.stack(columns, axis=1))
    return basis * np.sign(np.diag(upper))


@dataclass(frozen=True, eq=False)
class Normalisation:
    """Affine maps between metres and radians and the unit-sized signals that are noised."""

    goal_mean: Array
    """(3,) metres, ego frame."""
    goal_std: Array
    """(3,)."""
    path_basis: Array
    """(56, K) independent curves; a path is basis @ coefficients, per axis."""
    path_mean: Array
    """(K, 3) of the coefficients."""
    path_std: Array
    """(K, 3)."""
    pose_mean: Array
    """(56, D) of the pose's change since now; D = 6 + 3 (J - 1)."""
    pose_std: Array
    """(56, D): small soon after now, so that a plan starts where the body is."""
    pace: Pace | None = None
    """How centre and spread of a path depend on the velocity now; None where they do not."""

    @property
    def shapes(self) -> dict[Stage, tuple[int, ...]]:
        """Shape of one signal per stage."""
        return {"goal": (3,), "path": self.path_mean.shape, "pose": self.pose_mean.shape}

    def path_scale(self, velocity: Array) -> tuple[Array, Array]:
        """Centre and spread (..., K, 3) of a path's coefficients at velocities (..., 3) now, ego frame, NaN where they
        are hidden."""
        if self.pace is not None:
            return self.pace.scale(self.path_mean, self.path_std, velocity)
        shape = (*velocity.shape[:-1], *self.path_mean.shape)
        return np.broadcast_to(self.path_mean, shape), np.broadcast_to(self.path_std, shape)

    def path_reach(self, velocity: Array) -> Array:
        """(..., 56) metres per axis by which paths stray until each frame, at velocities (..., 3) now."""
        if self.pace is not None:
            return self.pace.strays(velocity)
        reach = np.sqrt((self.path_basis**2 @ self.path_std**2).mean(-1))
        return np.broadcast_to(reach, (*velocity.shape[:-1], len(reach)))

    def encode(self, stage: Stage, value: Array, current: Array, velocity: Array = RESTING) -> Array:
        """Unit-sized signals of goals (..., 3), paths (..., 56, 3) or poses (..., 56, D).

        Args:
            stage: Which of the three.
            value: Ego frame, metres and radians; a pose is the root rotation as two columns, then the joints.
            current: (..., D) the pose now; only poses depend on it.
            velocity: (..., 3) now; only paths may depend on it (`pace`).
        """
        if stage == "goal":
            return (value - self.goal_mean) / self.goal_std
        if stage == "path":
            centre, spread = self.path_scale(velocity)
            return (np.linalg.pinv(self.path_basis) @ value - centre) / spread
        return (value - current[..., None, :] - self.pose_mean) / self.pose_std

    def decode(self, stage: Stage, signal: Array, current: Array, velocity: Array = RESTING) -> Array:
        """Undo `encode`; a path comes back as far as the basis can draw it."""
        if stage == "goal":
            return signal * self.goal_std + self.goal_mean
        if stage == "path":
            centre, spread = self.path_scale(velocity)
            return self.path_basis @ (signal * spread + centre)
        return signal * self.pose_std + self.pose_mean + current[..., None, :]

    def to_json(self) -> dict[str, Any]:
        """Plain lists; float32 values survive exactly."""
        names = [name for name in self.__dataclass_fields__ if name != "pace"]
        plain: dict[str, Any] = {name: np.asarray(getattr(self, name), np.float32).tolist() for name in names}
        return plain if self.pace is None else plain | {"pace": self.pace.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read back what `to_json` wrote.

        Raises:
            ArrayError: If an array is missing in shape or not finite.
            KeyError: If an array is absent.
        """
        basis = checked("path_basis", value["path_basis"], (FUTURE, None))
        pose = checked("pose_mean", value["pose_mean"], (FUTURE, None))
        coefficients = (basis.shape[1], 3)
        return cls(
            goal_mean=checked("goal_mean", value["goal_mean"], (3,)),
            goal_std=checked("goal_std", value["goal_std"], (3,)),
            path_basis=basis,
            path_mean=checked("path_mean", value["path_mean"], coefficients),
            path_std=checked("path_std", value["path_std"], coefficients),
            pose_mean=pose,
            pose_std=checked("pose_std", value["pose_std"], pose.shape),
            pace=Pace.from_json(value["pace"], coefficients, FUTURE) if "pace" in value else None,
        )
