"""What a synthesized home truly looked like: its newest layout, what moved in it, and which of it a camera saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import CaptureError
from ats_sim.files import read_json
from ats_sim.geometry import inverse, transform_points
from ats_sim.mesh import TriangleMesh
from ats_sim.reconstruction.capture.format import Capture
from ats_sim.reconstruction.scene.fusion import PosedFrames
from ats_sim.reconstruction.scores.surface import CLOSE, distance_to_surface, sample_surface

SAMPLES = 30_000
SEEN_WITHIN = 0.03
MOVED_WITHIN = 0.08
NOTICED = 8
"""Voxels with which a moved piece counts as noticed."""
SMALLEST = 0.15
"""Pieces lower than this lie flat on the floor or hang on a wall, within the reach of its own distances (metres)."""


@dataclass(frozen=True, eq=False)
class TrueScene:
    """Truth in the scene frame."""

    newest: TriangleMesh
    """As the home stood in the last video."""
    moved: tuple[Array, ...]
    """Per piece and day that moved: points (N, 3) on it, where it stood in the walkthrough and where that day."""


def true_scene(capture: Capture) -> TrueScene | None:
    """Rebuild it from the capture's own configuration; None for a capture that was not synthesized."""
    from ats_sim.reconstruction.capture.synthesis.home.house import build_home

    path = capture.folder / "ground_truth_synthesis.json"
    if not path.is_file():
        return None
    record = read_json(path, CaptureError)
    config, T = record["config"], np.array(record["T_scene_home"])
    first = build_home(config["seed"], rooms=config["rooms"])
    moved: list[Array] = []
    layout = first
    for day in range(config["videos"]):
        layout = build_home(config["seed"], rooms=config["rooms"], day=day, moves=config["moves"])
        moved += _moved_pieces(first.patches, layout.patches, T)
    return TrueScene(layout.mesh.transformed(T), tuple(moved))


def _moved_pieces(before: Sequence, after: Sequence, T: Array) -> list[Array]:
    """Points of runs of patches that lie elsewhere."""
    pieces, run = [], []
    for old, new in zip(before, after, strict=True):
        if not np.allclose(old.grid, new.grid):
            run += [old.grid.reshape(-1, 3), new.grid.reshape(-1, 3)]
        elif run:
            pieces.append(np.concatenate(run))
            run = []
    tall = [piece for piece in pieces if np.ptp(piece[:, 2]) > SMALLEST]
    return [transform_points(T, _densely(piece)) for piece in tall]


def _densely(points: Array) -> Array:
    """Corners of patches, and points between neighbouring ones."""
    between = [points + share * (np.roll(points, -1, axis=0) - points) for share in (0.0, 0.25, 0.5, 0.75)]
    short = np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1) < 1.0
    return np.concatenate([part[short] for part in between])


def seen_points(mesh: TriangleMesh, parts: Sequence[PosedFrames], rng: np.random.Generator) -> Array:
    """Points (N, 3) spread over a mesh that the true depth of some frame shows."""
    points, _ = sample_surface(mesh, 2 * SAMPLES, rng)
    seen = np.zeros(len(points), bool)
    for part in parts:
        truth = part.video.ground_truth or {}
        for index in part.indices:
            u, v, z = part.video.intrinsics.project(transform_points(inverse(truth["T_world_camera"][index]), points))
            height, width = truth["depth"][index].shape
            column, row = np.rint(u).astype(int), np.rint(v).astype(int)
            inside = (z > 0.1) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
            depth = truth["depth"][index][np.where(inside, row, 0), np.where(inside, column, 0)]
            seen |= inside & (np.abs(depth - z) < SEEN_WITHIN)
    return points[seen]


def surface_against(
    estimated: TriangleMesh, truth: TrueScene, seen: Array, rng: np.random.Generator
) -> dict[str, float]:
    """Accuracy (estimated to true), completeness (true points that a camera saw to estimated), chamfer as their mean,
    share of seen points within 5 cm; metres."""
    accuracy = distance_to_surface(sample_surface(estimated, SAMPLES, rng)[0], truth.newest, rng)
    completeness = distance_to_surface(seen, estimated, rng)
    return {
        "accuracy_m": float(accuracy.mean()),
        "accuracy_median_m": float(np.median(accuracy)),
        "completeness_m": float(completeness.mean()),
        "completeness_median_m": float(np.median(completeness)),
        "chamfer_m": float(0.5 * (accuracy.mean() + completeness.mean())),
        "complete_5cm": float((completeness < CLOSE).mean()),
    }


def moves_found(moved_voxels: Array, truth: TrueScene) -> dict[str, float]:
    """How many of the pieces that moved were noticed, and how much of what was called moved (N, 3) truly did."""
    from scipy.spatial import cKDTree

    if not truth.moved or not len(moved_voxels):
        return {"moved_pieces": len(truth.moved), "noticed": 0.0, "precision": float("nan")}
    everything = cKDTree(np.concatenate(truth.moved))
    near = everything.query(moved_voxels)[0] < MOVED_WITHIN
    noticed = [(cKDTree(piece).query(moved_voxels)[0] < MOVED_WITHIN).sum() >= NOTICED for piece in truth.moved]
    return {"moved_pieces": len(noticed), "noticed": float(np.mean(noticed)), "precision": float(near.mean())}
