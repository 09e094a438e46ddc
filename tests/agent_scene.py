"""A box room with known surfaces, seen by ray casting: what the tests of the agent and of the export stand on."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ats_sim.geometry import Intrinsics, look_at
from ats_sim.mesh import TriangleMesh, merge
from ats_sim.reconstruction.scene.raycast import Raycaster
from ats_sim.reconstruction.scene.tsdf import TsdfVolume

LENS = Intrinsics.from_fov(1.0, 160, 120)
ROOM = np.array([3.0, 2.4, 2.2])  # half width, half depth, height


def box(low: Any, high: Any, inward: bool = False, color: tuple[int, int, int] = (150, 140, 130)) -> TriangleMesh:
    """An axis-aligned box; `inward` turns its faces to be seen from inside."""
    corners = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    quads = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    faces = np.array([[q[0], q[1], q[2]] for q in quads] + [[q[0], q[2], q[3]] for q in quads])
    if inward:
        faces = faces[:, ::-1]
    return TriangleMesh(corners, faces, np.tile(np.uint8(color), (8, 1)))


def room() -> TriangleMesh:
    """Floor at z = 0, four walls, a ceiling, and a table-sized block in a corner."""
    x, y, z = ROOM
    return merge([box([-x, -y, 0], [x, y, z], inward=True), box([1.8, 1.2, 0], [2.8, 2.2, 0.5])])


@dataclass
class FakeVideo:
    """As much of a recording as the agent's code uses, rendered from meshes."""

    name: str
    intrinsics: Intrinsics
    times: np.ndarray
    T_world_camera: np.ndarray
    depths: list[np.ndarray] = field(default_factory=list)
    masks: list[np.ndarray] = field(default_factory=list)
    pictures: list[np.ndarray] = field(default_factory=list)
    has_masks: bool = True

    def __len__(self) -> int:
        return len(self.times)

    def depth(self, index: int) -> np.ndarray:
        return self.depths[index]

    def mask(self, index: int) -> np.ndarray:
        return self.masks[index]

    def rgb(self, index: int) -> np.ndarray:
        return self.pictures[index]


def film(
    name: str,
    static: TriangleMesh,
    movers: list[TriangleMesh],
    cameras: np.ndarray,
    times: np.ndarray,
    rng: np.random.Generator,
    lens: Intrinsics = LENS,
) -> FakeVideo:
    """Render a static mesh and one moving mesh per frame, with 0.5 % depth noise."""
    video = FakeVideo(name, lens, times, cameras)
    behind = Raycaster(static)
    for mover, camera in zip(movers, cameras, strict=True):
        back, _, back_color = behind.render(lens, camera)
        front, face, color = Raycaster(mover).render(lens, camera)
        shown = (face >= 0) & ((back == 0) | (front < back))
        depth = np.where(shown, front, back)
        video.depths.append((depth * (1 + 0.005 * rng.normal(size=depth.shape))).astype(np.float32))
        video.masks.append(shown)
        video.pictures.append(np.where(shown[..., None], color, back_color))
    return video


def scan(static: TriangleMesh, voxel: float = 0.05, views: int = 36) -> TsdfVolume:
    """Fuse noise-free views of a static mesh from two circles through the room."""
    low, high = static.vertices.min(0) - 0.2, static.vertices.max(0) + 0.2
    volume = TsdfVolume.empty(low, high, voxel)
    caster = Raycaster(static)
    for k in range(views):
        angle = 2 * np.pi * k / views
        radius, height, drop = ((0.6, 1.4, -0.9), (1.2, 1.0, -0.1), (0.3, 1.1, 0.6))[k % 3]
        eye = np.array([radius * np.cos(angle), radius * np.sin(angle), height])
        for turn in (0.0, 2.1, 4.2):
            ahead = np.array([np.cos(angle + turn), np.sin(angle + turn), drop])
            camera = look_at(eye, eye + ahead)
            wide = Intrinsics.from_fov(1.3, 120, 100)
            depth, _, color = caster.render(wide, camera)
            volume.integrate(depth, color, wide, camera)
    return volume
