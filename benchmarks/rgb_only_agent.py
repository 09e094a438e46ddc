"""The animal of a clip without depth: its silhouettes stood up as cards on the floor, and the template fitted to those.

Nothing measures how far the animal is. Where its mask touches the floor gives one distance a frame, and the whole mask
is put there, flat and facing the camera, as if a depth sensor had seen a cardboard animal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics
from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.agent.body import TorchBody, shaped
from ats_sim.reconstruction.agent.fit import fit, frames_of, result, start_poses
from ats_sim.reconstruction.agent.observations import gather
from ats_sim.reconstruction.agent.root_track import best_scale, track_root
from ats_sim.reconstruction.agent.template import neutral_shape
from ats_sim.reconstruction.agent.templates.quadruped import quadruped
from ats_sim.reconstruction.scene.raycast import Raycaster
from benchmarks.rgb_only_places import UP, foot, on_floor

STEPS = 120
FARTHEST = 8.0
"""Metres from the camera."""


@dataclass(frozen=True, eq=False)
class Cards:
    """Silhouettes on the floor, shaped like a video with depth for `gather`."""

    name: str
    times: Array
    intrinsics: Intrinsics
    masks: dict[int, Array]
    """(H, W) bool by frame."""
    cameras: Array
    """(K, 4, 4), z up, the floor at 0, metres."""

    def depth(self, index: int) -> Array:
        """(H, W) metres of the card, 0 elsewhere."""
        mask, T = self.masks[index], self.cameras[index]
        rays = self.intrinsics.rays()
        place = self.places[index]
        facing = (T[:3, 3] - place) * (1.0 - UP)
        far = ((place - T[:3, 3]) @ facing) / np.minimum(rays @ T[:3, :3].T @ facing, -1e-9)
        return np.where(mask, far, 0.0)

    @property
    def places(self) -> Array:
        """(K, 3) where the mask touches the floor, NaN where nothing does."""
        c = self.intrinsics
        out = np.full((len(self.cameras), 3), np.nan)
        for index, mask in self.masks.items():
            u, v = foot(mask)
            out[index] = on_floor(np.array([(u - c.cx) / c.fl_x, (v - c.cy) / c.fl_y, 1.0]), self.cameras[index])
        return out

    def heights(self) -> Array:
        """(K,) metres from the floor to the highest pixel of each card."""
        out = np.full(len(self.cameras), np.nan)
        for index, mask in self.masks.items():
            row, column = (axis[0] for axis in np.nonzero(mask))
            ray = self.intrinsics.rays()[row, column]
            out[index] = self.cameras[index][2, 3] + self.depth(index)[row, column] * (ray @ self.cameras[index][2, :3])
        return out

    def touching(self) -> list[int]:
        """Frames whose mask touches the floor in front of the camera, and not beyond all rooms."""
        away = np.linalg.norm(self.places - self.cameras[:, :3, 3], axis=1)
        return [index for index in self.masks if away[index] < FARTHEST]


@dataclass(frozen=True, eq=False)
class Fitted:
    """The template in every frame of a clip."""

    body: SkinnedMesh
    T_world_root: Array
    """(K, 4, 4)."""
    joint_rotations: Array
    """(K, J, 3)."""

    def outline(self, cards: Cards, index: int) -> Array:
        """What of a frame (H, W) it covers."""
        vertices = self.body.posed(self.T_world_root[index], self.joint_rotations[index])
        depth, _ = Raycaster(replace(self.body.mesh, vertices=vertices)).depth(cards.intrinsics, cards.cameras[index])
        return depth > 0

    def overlaps(self, cards: Cards) -> Array:
        """Intersection over union with every mask."""
        pairs = [(self.outline(cards, index), cards.masks[index]) for index in cards.touching()]
        return np.array([(found & mask).sum() / max((found | mask).sum(), 1) for found, mask in pairs])


def fitted(cards: Cards, rng: np.random.Generator) -> Fitted:
    """The quadruped's size, shape and poses by the product's own fit, with cards for what depth would show."""
    template = quadruped()
    frames = np.arange(len(cards.cameras))
    masks = {index: cards.masks[index] for index in cards.touching()}
    seen = gather(cards, frames, masks, cards.cameras, rng)  # type: ignore[arg-type]
    scale = best_scale([seen], template.mesh, rng, template.sizes)
    track = track_root(seen, template.mesh, scale, postures=template.postures)
    body = TorchBody(template.mesh, priors=template.joints)
    evidence = frames_of([(seen, slice(None))], np.zeros(len(frames)), "cpu")
    poses = start_poses(track.T_world_root, track.joint_rotations, "cpu")
    start = neutral_shape(template.mesh, scale)
    poses, shape, _ = fit(body, evidence, poses, start, iterations=STEPS, free_shape=True)
    return Fitted(shaped(body, shape), *result(poses))
