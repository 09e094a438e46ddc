"""Ray casting against a triangle mesh: z-depth, faces and colours as a pinhole camera sees them (embree, no GL)."""

from __future__ import annotations

import numpy as np
from embreex.mesh_construction import TriangleMesh as EmbreeMesh
from embreex.rtcore_scene import EmbreeScene

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics
from ats_sim.mesh import TriangleMesh
from ats_sim.rendering.raycast_backend import sample_texture


def pixel_rays(intrinsics: Intrinsics) -> Array:
    """Rays (H,W,3) through pixel centres with camera z = 1, so that a ray's parameter IS the z-depth."""
    u = (np.arange(intrinsics.width) - intrinsics.cx) / intrinsics.fl_x
    v = (np.arange(intrinsics.height) - intrinsics.cy) / intrinsics.fl_y
    return np.stack(np.broadcast_arrays(u[None, :], v[:, None], 1.0), axis=-1).astype(np.float32)


class Raycaster:
    """A mesh that answers where rays hit it. The mesh is copied: build a new one after a deformation."""

    def __init__(self, mesh: TriangleMesh) -> None:
        self.mesh = mesh
        self._scene: EmbreeScene | None = None
        if len(mesh.faces):
            self._scene = EmbreeScene()
            EmbreeMesh(self._scene, np.ascontiguousarray(mesh.vertices[mesh.faces], dtype=np.float32))

    def __reduce__(self) -> tuple[type[Raycaster], tuple[TriangleMesh]]:
        """Other processes build it again from the mesh."""
        return Raycaster, (self.mesh,)

    def depth(self, intrinsics: Intrinsics, T_world_camera: Array) -> tuple[Array, Array]:
        """z-depth (H,W) float32 metres, 0 where nothing is hit, and the face (H,W) int32, -1 where nothing is hit."""
        depth, face, _ = self.render(intrinsics, T_world_camera)
        return depth, face

    def render(self, intrinsics: Intrinsics, T_world_camera: Array) -> tuple[Array, Array, Array]:
        """As :meth:`depth`, and the colours (H,W,3) uint8 of what is hit (0 where nothing is)."""
        rays = pixel_rays(intrinsics).reshape(-1, 3) @ T_world_camera[:3, :3].T.astype(np.float32)
        origins = np.broadcast_to(T_world_camera[:3, 3].astype(np.float32), rays.shape)
        distance, face, barycentric = self.cast(origins, rays)
        shape = (intrinsics.height, intrinsics.width)
        depth = np.where(face >= 0, distance, 0.0).astype(np.float32).reshape(shape)
        return depth, face.reshape(shape), self.colors(face, barycentric).reshape(*shape, 3)

    def cast(self, origins: Array, directions: Array) -> tuple[Array, Array, Array]:
        """First hits of N rays (N,3): distance (N,) in lengths of the direction (inf = miss), face (N,) int32
        (-1 = miss) and the weights (N,3) of the face's three corners."""
        count = len(origins)
        if self._scene is None or count == 0:
            miss = np.full(count, np.inf, dtype=np.float32)
            return miss, np.full(count, -1, dtype=np.int32), np.zeros((count, 3), dtype=np.float32)
        hits = self._scene.run(
            np.ascontiguousarray(origins, dtype=np.float32),
            np.ascontiguousarray(directions, dtype=np.float32),
            output=True,
        )
        face = hits["primID"]
        distance = np.where(face >= 0, hits["tfar"], np.inf).astype(np.float32)
        weights = np.stack([1.0 - hits["u"] - hits["v"], hits["u"], hits["v"]], axis=-1)
        return distance, face, weights

    def colors(self, face: Array, barycentric: Array) -> Array:
        """Colours (N,3) uint8 of the mesh's texture, else of its vertices, at points of faces (N,) with corner weights
        (N,3); 0 where the face is -1."""
        colors = np.zeros((len(face), 3), dtype=np.uint8)
        hit = face >= 0
        corners, weights = self.mesh.faces[face[hit]], barycentric[hit, :, None]
        if self.mesh.texture is not None and self.mesh.uv is not None:
            place = (self.mesh.uv[corners] * weights).sum(axis=1)
            colors[hit] = np.rint(255.0 * sample_texture(self.mesh.texture, place))
        elif self.mesh.colors is not None:
            mixed = (self.mesh.colors[corners].astype(np.float32) * weights).sum(axis=1)
            colors[hit] = np.rint(mixed).clip(0, 255).astype(np.uint8)
        else:
            colors[hit] = 200
        return colors
