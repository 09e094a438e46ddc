"""Which recordings saw a voxel empty and which saw a surface in it: what stays, what was moved, what only passed by.

While a recording is fused, every picture votes for the voxels it sees (:class:`Tally`). A recording's verdict on a
voxel is then one of three bits; :class:`Votes` keeps them for all recordings in order of capture, 32 to a word.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ReconstructionError
from ats_sim.files import read_npz, write_npz

UNKNOWN, FREE, STATIC, MOVED, TRANSIENT = range(5)
"""Labels of a voxel over all recordings."""
LEAST_VOTES = 3
"""Pictures that a recording's verdict needs."""
FREE_SHARE, SURFACE_SHARE = 0.1, 0.4
"""Of a recording's votes for a voxel, at most so many are for a surface where it is free, at least so many where it is
a surface; what lies between came or went while the recording ran."""
FARTHEST_VOTE = 4.5
"""Depth beyond which a sensor's word on a single voxel counts for nothing, metres."""
WORD = 32


@dataclass(frozen=True, eq=False)
class Tally:
    """How many pictures of one recording saw each voxel empty, and how many a surface in it."""

    voxel_size: float
    """Edge of a voxel, metres."""
    free: Array
    """(X, Y, Z) uint8, saturated."""
    surface: Array
    """(X, Y, Z) uint8, saturated."""

    @classmethod
    def empty(cls, shape: tuple[int, int, int], voxel_size: float) -> Tally:
        """No votes yet."""
        return cls(voxel_size, np.zeros(shape, np.uint8), np.zeros(shape, np.uint8))

    def add(self, flat: Array, ahead: Array, depth: Array) -> None:
        """Count one picture's votes for voxels (N,) by flat index, each at most once: how far the measured surface lies
        behind the voxel (N,), and its depth (N,), metres."""
        noise = 0.002 + 0.0025 * depth**2
        near = depth < FARTHEST_VOTE
        empty = near & (ahead > np.maximum(1.5 * self.voxel_size, 3.0 * noise))
        solid = near & (np.abs(ahead) < np.maximum(0.75 * self.voxel_size, noise))
        for counts, voted in ((self.free, empty), (self.surface, solid)):
            chosen = flat[voted]
            values = counts.reshape(-1)
            values[chosen] += values[chosen] < 255

    def verdict(self) -> tuple[Array, Array, Array, Array]:
        """Where (X, Y, Z) bool the recording says free, surface, surely surface, and something that came or went.

        A single picture is word enough for a surface where others contradict it anyway. A voxel beside one of the
        recording's surfaces is never free: a pose a little off, or a glance along the wall, would make it so.
        """
        from scipy import ndimage

        total = self.free.astype(np.uint16) + self.surface
        enough = total >= LEAST_VOTES
        surface = (self.surface > 0) & (self.surface >= SURFACE_SHARE * total)
        beside = np.asarray(ndimage.binary_dilation(surface & enough, np.ones((3, 3, 3))))
        free = enough & (self.surface <= FREE_SHARE * total) & ~beside
        passing = enough & (self.surface >= 2) & (self.surface > FREE_SHARE * total) & ~beside
        return free, surface, surface & enough, passing


@dataclass(eq=False)
class Votes:
    """The verdicts of all recordings on a grid of voxels; :meth:`add` appends one."""

    origin: Array
    """(3,) world position of the centre of voxel [0, 0, 0], metres."""
    voxel_size: float
    """Edge of a voxel, metres."""
    shape: tuple[int, int, int]
    """Voxels along x, y, z."""
    recordings: list[str]
    """Names in the order of capture."""
    free: Array
    """(W, X, Y, Z) uint32: bit r % 32 of word r // 32 is recording r's."""
    surface: Array
    """(W, X, Y, Z) uint32."""
    sure: Array
    """(X, Y, Z) bool: some recording saw a surface in several pictures."""
    passing: Array
    """(X, Y, Z) bool: in some recording something came or went."""

    @classmethod
    def empty(cls, origin: Array, voxel_size: float, shape: tuple[int, int, int]) -> Votes:
        """Votes of nobody."""
        nobody = np.zeros((0, *shape), np.uint32)
        return cls(
            np.asarray(origin, np.float64),
            voxel_size,
            shape,
            [],
            nobody,
            nobody,
            np.zeros(shape, bool),
            np.zeros(shape, bool),
        )

    def add(self, name: str, tally: Tally) -> None:
        """Append a recording's verdict."""
        index = len(self.recordings)
        if index % WORD == 0:
            word = np.zeros((1, *self.shape), np.uint32)
            self.free, self.surface = np.concatenate([self.free, word]), np.concatenate([self.surface, word])
        free, surface, sure, passing = tally.verdict()
        bit = np.uint32(1 << (index % WORD))
        self.free[-1][free] |= bit
        self.surface[-1][surface] |= bit
        self.sure |= sure
        self.passing |= passing
        self.recordings.append(name)

    def of(self, index: int, box: tuple[slice, slice, slice] = (slice(None),) * 3) -> tuple[Array, Array]:
        """Where (x, y, z) bool in a box recording `index` says free, and where surface."""
        bit, word = np.uint32(1 << (index % WORD)), index // WORD
        return (self.free[word][box] & bit) > 0, (self.surface[word][box] & bit) > 0

    def labels(self, moved: Array) -> Array:
        """(X, Y, Z) uint8 of UNKNOWN, FREE, STATIC, MOVED, TRANSIENT, given where something was moved (X, Y, Z)."""
        free = self.free.any(axis=0)
        label = np.zeros(self.shape, np.uint8)
        label[free] = FREE
        label[self.passing & ~self.sure] = TRANSIENT
        label[self.sure] = STATIC
        label[moved] = MOVED
        return label

    def write(self, path: Path, labels: Array) -> None:
        """Write votes and labels as npz, atomically."""
        write_npz(
            path,
            recordings=np.array(self.recordings),
            origin=self.origin,
            voxel_size=np.array(self.voxel_size),
            free=self.free,
            surface=self.surface,
            sure=self.sure,
            passing=self.passing,
            label=labels,
        )

    @classmethod
    def read(cls, path: Path) -> tuple[Votes, Array]:
        """Votes and labels as :meth:`write` wrote them.

        Raises:
            ReconstructionError: If the file is missing or damaged.
        """
        arrays = read_npz(path, ReconstructionError)
        try:
            x, y, z = arrays["passing"].shape
            names = [str(name) for name in arrays["recordings"]]
            votes = cls(
                arrays["origin"],
                float(arrays["voxel_size"]),
                (x, y, z),
                names,
                arrays["free"],
                arrays["surface"],
                arrays["sure"],
                arrays["passing"],
            )
            return votes, arrays["label"]
        except (KeyError, ValueError, TypeError) as broken:
            raise ReconstructionError(f"{path}: not a file of votes ({broken})") from broken
