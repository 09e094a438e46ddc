"""How far a reconstructed surface is from the true one."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from ats_sim.arrays import Array
from ats_sim.mesh import TriangleMesh

SAMPLES = 30_000
TARGETS = 300_000
CANDIDATES = 8
CLOSE = 0.05


def sample_surface(mesh: TriangleMesh, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """`count` points (n,3) spread evenly over a mesh's area, and the face (n,) of each."""
    area = np.linalg.norm(mesh.face_normals(), axis=1)
    face = rng.choice(len(area), size=count, p=area / area.sum())
    u, v = np.sqrt(rng.random(count)), rng.random(count)
    weights = np.stack([1.0 - u, u * (1.0 - v), u * v], axis=1)
    return (mesh.vertices[mesh.faces[face]] * weights[..., None]).sum(axis=1), face


def distance_to_surface(points: Array, mesh: TriangleMesh, rng: np.random.Generator) -> Array:
    """Distance (N,) of points (N,3) to a mesh: exact to the triangles of the nearest samples, since the distance to
    samples alone would measure how densely one samples."""
    from trimesh.triangles import closest_point

    samples, face = sample_surface(mesh, TARGETS, rng)
    nearest = cKDTree(samples).query(points, k=CANDIDATES)[1]
    triangles = mesh.vertices[mesh.faces[face[nearest]]].astype(np.float64)
    repeated = np.repeat(points.astype(np.float64), CANDIDATES, axis=0)
    away = np.linalg.norm(closest_point(triangles.reshape(-1, 3, 3), repeated) - repeated, axis=1)
    return np.asarray(away.reshape(-1, CANDIDATES).min(axis=1))


def surface_scores(estimated: TriangleMesh, true: TriangleMesh, rng: np.random.Generator) -> dict[str, float]:
    """Accuracy (estimated to true), completeness (true to estimated; what no camera ever saw counts as missing),
    chamfer as the MEAN of the two, F-score at 5 cm; metres."""
    accuracy = distance_to_surface(sample_surface(estimated, SAMPLES, rng)[0], true, rng)
    completeness = distance_to_surface(sample_surface(true, SAMPLES, rng)[0], estimated, rng)
    precision, recall = float((accuracy < CLOSE).mean()), float((completeness < CLOSE).mean())
    return {
        "accuracy_m": float(accuracy.mean()),
        "accuracy_m_median": float(np.median(accuracy)),
        "completeness_m": float(completeness.mean()),
        "completeness_m_median": float(np.median(completeness)),
        "chamfer_m": float(0.5 * (accuracy.mean() + completeness.mean())),
        "f_score_5cm": 2 * precision * recall / max(precision + recall, 1e-9),
    }
