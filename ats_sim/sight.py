"""Lines of sight: does the home stand between two points?

Embree answers a handful of rays in 4 microseconds, the physics engine in 16 and a march through the distance field in
370 (`benchmarks/physics.py`), and all worlds of one home look through the same structure.
"""

import weakref
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from ats_sim.arrays import Array
from ats_sim.collision import read_collision
from ats_sim.home import Home

_SHARED: "weakref.WeakValueDictionary[str, SightLines]" = weakref.WeakValueDictionary()


class SightLines:
    """A home's collision shapes, prepared for questions about what hides what."""

    def __init__(self, shapes: Sequence[tuple[Array, Array]]) -> None:
        """Build from meshes of vertices (V, 3) in metres and faces (F, 3); surfaces stop a ray from either side."""
        # Imported here: a world that never asks what is seen needs no ray caster.
        from embreex.mesh_construction import TriangleMesh as EmbreeMesh
        from embreex.rtcore_scene import EmbreeScene

        self._scene: Any = EmbreeScene()
        # Embree keeps pointers into the scene's geometries, so the meshes must live as long as the scene.
        self._meshes: list[Any] = [
            EmbreeMesh(self._scene, np.ascontiguousarray(vertices, np.float32), np.ascontiguousarray(faces, np.int32))
            for vertices, faces in shapes
        ]

    @classmethod
    def of(cls, home: Home) -> Self:
        """The sight lines of a home, shared by all who ask while any of them lives.

        Raises:
            HomeError: If a collision shape is damaged.
        """
        found = _SHARED.get(home.fingerprint)
        if not isinstance(found, cls):
            found = cls(read_collision(home.collision_paths))
            _SHARED[home.fingerprint] = found
        return found

    def blocked(self, starts: Array, ends: Array) -> Array:
        """Whether something stands between points (N, 3) and (N, 3), metres, home frame; (N,) bool."""
        if not len(starts):
            return np.zeros(0, dtype=bool)
        origins = np.ascontiguousarray(starts, np.float32)
        ways = np.asarray(ends - starts, np.float32, order="C")
        # The way itself is the direction, so that a share of 1 is its end.
        hits: Array = self._scene.run(origins, ways, dists=np.ones(len(ways), np.float32), query="OCCLUDED")
        return hits >= 0
