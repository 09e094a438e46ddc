"""How near coarser scenes and convex parts are to what they stand for, measured by sampling."""

from __future__ import annotations

import xml.etree.ElementTree as xml
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.collision import read_collision
from ats_sim.gltf import read_scene
from ats_sim.home import Home
from ats_sim.mesh import TriangleMesh

SAMPLES, DENSE = 20_000, 400_000
REACH = 0.3
"""How far around a part is looked, metres."""


def shape_rows(home: Home, exported: Path) -> Iterator[tuple[str, str, str]]:
    """Rows of `benchmarks.engines`."""
    for path in sorted(exported.glob("scene_lod*.glb")):
        copy = read_scene(path)
        ways = np.percentile([distances(copy, home.scene), distances(home.scene, copy)], [50, 99, 100], axis=1).max(1)
        said = ", ".join(f"{100 * far:.1f}" for far in ways)
        yield path.name, "sampling", f"{len(copy.faces):,} triangles; off the original, 50th, 99th, 100th: {said} cm"
    parts = read_parts(exported / "collision_parts.obj")
    shells = [TriangleMesh(vertices, faces) for vertices, faces in read_collision(home.collision_paths)]
    out = outside(parts, np.concatenate([sampled(shell, SAMPLES)[0] for shell in shells]))
    intruding = outside(parts, free_points(home, 0.15)) < 0
    yield (
        "collision_parts.obj",
        "sampling",
        f"{len(parts)} parts; {100 * (out < 0.005).mean():.1f} % of collision.obj covered within 5 mm, 99.9 % within "
        f"{100 * np.percentile(out, 99.9):.1f} cm; {100 * intruding.mean():.2f} % of the air 15 cm off all is in one",
    )
    pairs = xml.parse(exported / "agent.srdf").getroot().findall("disable_collisions")
    adjacent = sum(pair.get("reason") == "Adjacent" for pair in pairs)
    yield "agent.srdf", "–", f"{adjacent} pairs of neighbours and {len(pairs) - adjacent} others may overlap"


def sampled(mesh: TriangleMesh, count: int) -> tuple[Array, Array]:
    """Points (N, 3) spread over a mesh, and their faces (N,)."""
    import trimesh

    body = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    points, faces = trimesh.sample.sample_surface(body, count, seed=0)
    return np.asarray(points), np.asarray(faces)


def distances(one: TriangleMesh, other: TriangleMesh) -> Array:
    """(N,) metres from points of one mesh to the triangles of the other that lie under the nearest of many samples."""
    import trimesh
    from scipy.spatial import cKDTree

    points, _ = sampled(one, SAMPLES)
    dense, faces = sampled(other, DENSE)
    corners = other.vertices[other.faces].astype(np.float64)
    best = np.full(len(points), np.inf)
    for nearest in cKDTree(dense).query(points, k=8)[1].T:
        foot = trimesh.triangles.closest_point(corners[faces[nearest]], points)
        best = np.minimum(best, np.linalg.norm(foot - points, axis=1))
    return best


def read_parts(path: Path) -> list[TriangleMesh]:
    """The objects of an OBJ."""
    parts: list[TriangleMesh] = []
    first = 1
    for block in path.read_text(encoding="ascii").split("\no ")[1:]:
        lines = [line.split() for line in block.splitlines()]
        vertices = np.array([line[1:] for line in lines if line[0] == "v"], dtype=np.float32)
        faces = np.array([line[1:] for line in lines if line[0] == "f"], dtype=np.int32) - first
        parts.append(TriangleMesh(vertices, faces))
        first += len(vertices)
    return parts


def outside(parts: list[TriangleMesh], points: Array) -> Array:
    """(N,) how far points stick out of the part that holds them best, at most `REACH`; below 0 inside, metres."""
    best = np.full(len(points), REACH)
    for part in parts:
        near = (points > part.vertices.min(0) - REACH) & (points < part.vertices.max(0) + REACH)
        some = np.flatnonzero(near.all(1))
        normals = part.face_normals().astype(np.float64)
        length = np.linalg.norm(normals, axis=1)
        solid = length > 1e-10
        normals, corners = normals[solid] / length[solid, None], part.vertices[part.faces[solid, 0]]
        best[some] = np.minimum(best[some], (points[some] @ normals.T - (normals * corners).sum(1)).max(1))
    return best


def free_points(home: Home, room: float) -> Array:
    """(N, 3) places of the home that are farther than `room` metres from everything solid."""
    volume = home.perception
    top = volume.sdf_origin + (np.array(volume.sdf.shape) - 1) * volume.sdf_voxel_size
    points = np.random.default_rng(0).uniform(volume.sdf_origin, top, (5 * SAMPLES, 3))
    return points[volume.sample_sdf(points) > room]
