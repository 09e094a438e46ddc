"""Camera rays and what they hit, through Embree: no OpenGL, no screen, any machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import RenderError
from ats_sim.rendering.body import Body
from ats_sim.rendering.frame import Camera
from ats_sim.rendering.shadow import screen_rectangle


@dataclass
class Hits:
    """The nearest surface along each ray so far; rays have one unit per metre of z-depth."""

    origins: Array
    """(N, 3) world points at the near end of what the camera sees."""
    directions: Array
    """(N, 3) world directions."""
    skipped: Array
    """(N,) z-depth of the origins, metres."""
    distance: Array
    """(N,) float32 z-depth beyond the origin; the far end of what the camera sees where nothing was hit."""
    body: Array
    """(N,) number of the body hit, -1 for none."""
    face: Array
    """(N,) face hit."""
    weights: Array
    """(N, 2) barycentric weights of the face's second and third corner."""

    @classmethod
    def along(cls, camera: Camera) -> Hits:
        """Rays through all pixel centres, cut to the camera's planes and to its cut height."""
        directions = camera.rays().reshape(-1, 3)
        start = np.full(len(directions), camera.near)
        end = np.full(len(directions), camera.far)
        if camera.cut_height is not None:
            _cut(start, end, directions[:, 2], camera.cut_height - camera.position[2])
        count = len(directions)
        return cls(
            origins=(camera.position + start[:, None] * directions).astype(np.float32),
            directions=directions.astype(np.float32),
            skipped=start,
            distance=np.maximum(end - start, 0.0).astype(np.float32),
            body=np.full(count, -1),
            face=np.zeros(count, dtype=np.int64),
            weights=np.zeros((count, 2), dtype=np.float32),
        )

    def meet(self, number: int, tracer: Tracer, T_world_mesh: Array, rays: Array) -> None:
        """Let the chosen rays (K,) hit one body, keeping what is nearer."""
        R_world_mesh = T_world_mesh[:3, :3].astype(np.float32)
        origins = (self.origins[rays] - T_world_mesh[:3, 3].astype(np.float32)) @ R_world_mesh
        found = tracer.nearest(origins, self.directions[rays] @ R_world_mesh, self.distance[rays])
        hit = found["primID"] >= 0
        chosen = rays[hit]
        self.body[chosen] = number
        self.face[chosen] = found["primID"][hit]
        self.distance[chosen] = found["tfar"][hit]
        self.weights[chosen] = np.stack([found["u"][hit], found["v"][hit]], axis=1)


class Tracer:
    """One mesh prepared for rays in its own frame."""

    def __init__(self, vertices: Array, faces: Array) -> None:
        """Build from vertices (V, 3) and faces (F, 3); RenderError where Embree is missing."""
        try:
            from embreex.mesh_construction import TriangleMesh as EmbreeMesh
            from embreex.rtcore_scene import EmbreeScene
        except ImportError as error:
            raise RenderError(f"ray casting needs embreex ({error}): pip install embreex") from error
        self._scene: Any = EmbreeScene()
        # Embree keeps a pointer into the scene's geometry, so the mesh must live as long as the scene.
        self._mesh: Any = EmbreeMesh(
            self._scene, np.ascontiguousarray(vertices, np.float32), np.ascontiguousarray(faces, np.int32)
        )

    def nearest(self, origins: Array, directions: Array, limits: Array) -> dict[str, Array]:
        """Embree's answer for rays (N, 3) shorter than limits (N,): primID (-1 for a miss), tfar, u, v."""
        if not len(origins):
            empty = np.zeros(0, np.float32)
            return {"primID": np.zeros(0, np.int32), "tfar": empty, "u": empty, "v": empty}
        arrays = (np.ascontiguousarray(array, np.float32) for array in (origins, directions, limits))
        found: dict[str, Array] = self._scene.run(*arrays, query="INTERSECT", output=True)
        return found


def rays_towards(body: Body, camera: Camera) -> Array:
    """Indices (K,) of the picture's rays that can hit a body: those inside the rectangle around its hull."""
    width = camera.intrinsics.width
    reach = screen_rectangle(body.hull(), camera)
    if reach is None:
        return np.zeros(0, dtype=np.int64)
    left, top, across, down = reach
    return np.asarray(((top + np.arange(down))[:, None] * width + left + np.arange(across)).reshape(-1))


def _cut(start: Array, end: Array, climb: Array, room: float) -> None:
    """Keep of each ray only what lies below a plane `room` metres above the eye, in place."""
    crossing = room / np.where(climb == 0.0, 1e-12, climb)
    falling, rising = climb < 0.0, climb > 0.0
    if room < 0.0:
        start[falling] = np.maximum(start[falling], crossing[falling])
        end[~falling] = 0.0
    else:
        end[rising] = np.minimum(end[rising], crossing[rising])
