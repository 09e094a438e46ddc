"""What an animal's velocity now tells of its way: about where it leads, and how far it may stray from there.

Where an animal that rests will be in half a second is known to centimetres, of one that runs to decimetres. If both are
noised alike, what is drawn for the resting one is right to decimetres too: it never quite rests and never quite sets
out, it creeps (benchmarks/RESULTS.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.errors import ArrayError

SPAN = 3
"""Frames over which the velocity of now is taken."""


def velocity_now(positions: Array, hz: float) -> Array:
    """(..., 3) m/s at the end of past positions (..., T, 3)."""
    return np.asarray((positions[..., -1, :] - positions[..., -1 - SPAN, :]) * (hz / SPAN))


def hidden_where(velocity: Array, shown: Array) -> Array:
    """Velocities (N, 3) with NaN where a switch (N,) hides the past that tells them."""
    return np.where(np.asarray(shown, dtype=bool)[:, None], velocity, np.nan)


@dataclass(frozen=True, eq=False)
class Pace:
    """Where the coefficients of a path lie and how far they spread, by velocity."""

    drift: Array
    """(K, 3) what each coefficient gains per m/s of its axis."""
    speeds: Array
    """(S,) m/s, rising."""
    spread: Array
    """(S, K, 3) of each coefficient at these speeds; between them it is interpolated, beyond them held."""
    reach: Array
    """(S, T) metres per axis by which paths stray from their centre until each of T frames, at these speeds."""
    usual: Array
    """(3,) the mean velocity, which stands in where it is hidden."""

    def scale(self, rest: Array, overall: Array, velocity: Array) -> tuple[Array, Array]:
        """Centre and spread (..., K, 3) of coefficients, at velocities (..., 3), NaN where they are hidden.

        Args:
            rest: (K, 3) the mean of somebody at rest.
            overall: (K, 3) the spread over all velocities, for those that are hidden.
            velocity: Of now, ego frame.
        """
        hidden = np.asarray(np.isnan(velocity).any(-1, keepdims=True))
        centre = rest + self.drift * np.where(hidden, self.usual, velocity)[..., None, :]
        return centre, np.where(hidden[..., None], overall, self._at(velocity, self.spread))

    def strays(self, velocity: Array) -> Array:
        """`reach` (..., T) at velocities (..., 3), NaN where they are hidden."""
        hidden = np.asarray(np.isnan(velocity).any(-1, keepdims=True))
        return np.where(hidden, self.reach.max(0), self._at(velocity, self.reach))

    def _at(self, velocity: Array, table: Array) -> Array:
        speed = np.linalg.norm(velocity, axis=-1)
        shares = np.stack([np.interp(speed, self.speeds, row) for row in np.eye(len(self.speeds))], axis=-1)
        return np.tensordot(shares, table, axes=1)

    def to_json(self) -> dict[str, Any]:
        """Plain lists."""
        return {name: np.asarray(getattr(self, name), np.float32).tolist() for name in self.__dataclass_fields__}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], coefficients: tuple[int, int], frames: int) -> Self:
        """Read back what `to_json` wrote, for paths of (K, 3) coefficients and so many frames.

        Raises:
            ArrayError: If an array has another shape, is not finite, or says nothing sensible.
            KeyError: If an array is absent.
        """
        speeds = checked("pace speeds", value["speeds"], (None,))
        spread = checked("pace spread", value["spread"], (len(speeds), *coefficients))
        reach = checked("pace reach", value["reach"], (len(speeds), frames))
        if not len(speeds) or (np.diff(speeds) <= 0.0).any() or (spread <= 0.0).any() or (reach <= 0.0).any():
            raise ArrayError("pace: speeds must rise, spreads and reach must be positive")
        drift, usual = checked("pace drift", value["drift"], coefficients), checked("pace usual", value["usual"], (3,))
        return cls(drift, speeds, spread, reach, usual)
