"""How far a reconstructed surface is from the true one."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from ats_sim.arrays import Array
from ats_sim.mesh import TriangleMesh

SAMPLES = 40_000
CLOSE = 0.05


def sample_surface(mesh: TriangleMesh, count: int, rng: np.random.Generator) -> Array:
    """`count` points (n,3) spread evenly over a mesh's area."""
    area = np.linalg.norm(mesh.face_normals(), axis=1)
    face = rng.choice(len(area), size=count, p=area / area.sum())
    u, v = np.sqrt(rng.random(count)), rng.random(count)
    weights = np.stack([1.0 - u, u * (1.0 - v), u * v], axis=1)
    return np.asarray((mesh.vertices[mesh.faces[face]] * weights[..., None]).sum(axis=1))


def surface_scores(estimated: TriangleMesh, true: TriangleMesh, rng: np.random.Generator) -> dict[str, float]:
    """Accuracy (estimated to true), completeness (true to estimated; what no camera ever saw counts as missing),
    chamfer as the MEAN of the two, F-score at 5 cm; metres."""
    first, second = sample_surface(estimated, SAMPLES, rng), sample_surface(true, SAMPLES, rng)
    accuracy = cKDTree(second).query(first)[0]
    completeness = cKDTree(first).query(second)[0]
    precision, recall = float((accuracy < CLOSE).mean()), float((completeness < CLOSE).mean())
    return {
        "accuracy_m": float(accuracy.mean()),
        "accuracy_m_median": float(np.median(accuracy)),
        "completeness_m": float(completeness.mean()),
        "chamfer_m": float(0.5 * (accuracy.mean() + completeness.mean())),
        "f_score_5cm": 2 * precision * recall / max(precision + recall, 1e-9),
    }
