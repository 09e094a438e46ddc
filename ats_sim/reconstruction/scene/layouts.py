"""Furniture that moved between recordings: one layout per epoch, the newest being the scene.

Where one recording saw a surface and another saw through it, something was moved. Recordings in a row that contradict
each other nowhere share an epoch. In each epoch's layout a voxel is what the recordings closest to it say: its own,
then older ones (newest first), then younger ones. Depth of other recordings is left out where it contradicts that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.scene.votes import Votes

Box = tuple[slice, slice, slice]

SMALLEST_AREA = 0.04
"""Surface of the smallest thing whose move is believed, square metres."""
REACH = 0.3
"""What hangs on a thing that was moved goes with it, up to so many metres from where it was seen to be gone."""
BAND = 4
"""Voxels around a contradicted surface whose distances follow from it (the truncation)."""


@dataclass(frozen=True, eq=False)
class Region:
    """A part of the grid in which something was moved."""

    box: Box
    """Where in the grid."""
    contested: Array
    """(x, y, z) bool: seen solid by one recording and empty by another."""
    free: Array
    """(R, x, y, z) bool, by recording."""
    surface: Array
    """(R, x, y, z) bool, by recording."""

    def contradict(self, first: int, second: int) -> int:
        """Voxels that one of two recordings saw solid and the other empty."""
        against = (self.surface[first] & self.free[second]) | (self.free[first] & self.surface[second])
        return int((against & self.contested).sum())

    def blocked(self, order: Sequence[int], voxel_size: float, least: int) -> Array:
        """Where (R, x, y, z) bool each recording's depth is to be left out of a layout, whose recordings are given by
        falling authority."""
        from scipy import ndimage

        solid, empty = self._opinion(order)
        out = np.zeros_like(self.free)
        cube = np.ones((3, 3, 3), bool)
        for r in range(len(out)):
            gone = self.surface[r] & empty & self.contested
            if gone.sum() >= least:
                hanging = self.surface[r] & ~solid
                gone = ndimage.binary_dilation(gone, cube, iterations=round(REACH / voxel_size), mask=hanging | gone)
                out[r] |= ndimage.binary_dilation(gone, cube, iterations=BAND) & ~solid
            added = self.free[r] & solid & self.contested
            if added.sum() >= least:
                out[r] |= ndimage.binary_dilation(added, cube, iterations=BAND)
        return out

    def _opinion(self, order: Sequence[int]) -> tuple[Array, Array]:
        """Where (x, y, z) the first recording that knows says solid, and where empty."""
        solid, empty = np.zeros(self.contested.shape, bool), np.zeros(self.contested.shape, bool)
        for r in order:
            open_still = ~(solid | empty)
            solid |= open_still & self.surface[r]
            empty |= open_still & self.free[r]
        return solid, empty


@dataclass(frozen=True)
class Epoch:
    """Recordings between which nothing moved."""

    name: str
    """Such as layout-00."""
    members: tuple[int, ...]
    """Indices of its recordings, in order of capture."""

    def authority(self, count: int) -> list[int]:
        """All recordings by falling authority over this epoch's layout: its own, older, younger; the nearest first."""
        first, last = self.members[0], self.members[-1]
        return [*reversed(self.members), *range(first - 1, -1, -1), *range(last + 1, count)]


@dataclass(frozen=True, eq=False)
class Layouts:
    """Where things were moved, and between which recordings."""

    regions: tuple[Region, ...]
    """Parts of the grid that differ between epochs."""
    epochs: tuple[Epoch, ...]
    """In order of capture; the last one's layout is the scene."""
    voxel_size: float
    """Edge of a voxel, metres."""
    shape: tuple[int, int, int]
    """Voxels along x, y, z."""
    count: int
    """Recordings."""

    @classmethod
    def of(cls, votes: Votes, *, tell_apart: bool = True) -> Layouts:
        """Find out from the votes; or do not `tell_apart` and have a single layout in which everything is mixed."""
        least = least_voxels(votes.voxel_size)
        regions = _regions(votes, least) if tell_apart else ()
        epochs = _epochs(regions, len(votes.recordings), least)
        return cls(regions, epochs, votes.voxel_size, votes.shape, len(votes.recordings))

    def moved(self) -> Array:
        """(X, Y, Z) bool: something stood here in one recording and was gone in another."""
        out = np.zeros(self.shape, bool)
        for region in self.regions:
            out[region.box] |= region.contested
        return out

    def blocked(self, epoch: Epoch, region: Region) -> Array:
        """(R, x, y, z) bool: which recordings say nothing where, in an epoch's layout of a region."""
        return region.blocked(epoch.authority(self.count), self.voxel_size, least_voxels(self.voxel_size))

    def blocked_volume(self, recording: int) -> Array:
        """(X, Y, Z) bool: where a recording contradicts the newest layout."""
        out = np.zeros(self.shape, bool)
        for region in self.regions:
            out[region.box] |= self.blocked(self.epochs[-1], region)[recording]
        return out


def least_voxels(voxel_size: float) -> int:
    """Contested voxels below which a contradiction counts as noise."""
    return max(4, round(SMALLEST_AREA / voxel_size**2))


def _regions(votes: Votes, least: int) -> tuple[Region, ...]:
    from scipy import ndimage

    contested = votes.sure & votes.free.any(axis=0)
    labels, _ = ndimage.label(ndimage.binary_dilation(contested, np.ones((3, 3, 3))), np.ones((3, 3, 3)))
    sizes = np.bincount(labels[contested], minlength=labels.max() + 1)
    pad = round(REACH / votes.voxel_size) + BAND + 1
    found = []
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if sizes[label] < least:
            continue
        wide = tuple(slice(max(s.start - pad, 0), min(s.stop + pad, n)) for s, n in zip(box, votes.shape, strict=True))
        where = (wide[0], wide[1], wide[2])
        verdicts = [votes.of(r, where) for r in range(len(votes.recordings))]
        own = contested[where] & (labels[where] == label)
        found.append(Region(where, own, np.stack([v[0] for v in verdicts]), np.stack([v[1] for v in verdicts])))
    return tuple(found)


def _epochs(regions: Sequence[Region], count: int, least: int) -> tuple[Epoch, ...]:
    groups: list[list[int]] = []
    for r in range(count):
        fits = groups and not any(region.contradict(r, m) >= least for region in regions for m in groups[-1])
        if fits:
            groups[-1].append(r)
        else:
            groups.append([r])
    return tuple(Epoch(f"layout-{k:02d}", tuple(group)) for k, group in enumerate(groups))
