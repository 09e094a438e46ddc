"""Eyes and nose: small closed shells of their own, set into the head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ats_sim.arrays import Array
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.reconstruction.capture.synthesis.animal.body_plan import Face
from ats_sim.reconstruction.capture.synthesis.animal.coat import Coat


def with_face(shape: SkinnedMesh, face: Face, scale: float, coat: Coat) -> SkinnedMesh:
    """Paint the coat onto a body of that scale and set in eyes and nose."""
    head = shape.skeleton.joint_names.index("head")
    origin = shape.skeleton.rest_transforms[head, :3, 3]
    shells = []
    for side in (1.0, -1.0):
        centre = origin + np.array(face.eye) * [1, side, 1] * scale
        gaze = np.array(face.gaze) * [1, side, 1]
        shells.append(_eye(centre, gaze, face.eye_radius * scale, coat))
    shells.append(_nose(origin + np.array(face.nose) * scale, np.array(face.nose_size) * scale, coat))
    painted = replace(shape.mesh, colors=coat.colors(shape, scale))
    parts = [painted, *shells]
    extra = sum(len(shell.vertices) for shell in shells)
    offsets = np.cumsum([0] + [len(part.vertices) for part in parts[:-1]])
    mesh = TriangleMesh(
        vertices=np.concatenate([part.vertices for part in parts]),
        faces=np.concatenate([part.faces + offset for part, offset in zip(parts, offsets, strict=True)]),
        colors=np.concatenate([part.colors for part in parts]),
    )
    joints = np.concatenate([shape.skin_joints, np.full((extra, 4), head, dtype=np.int32)])
    weights = np.concatenate([shape.skin_weights, np.tile(np.array([1, 0, 0, 0], dtype=np.float32), (extra, 1))])
    return SkinnedMesh(mesh=mesh, skin_joints=joints, skin_weights=weights, skeleton=shape.skeleton)


def _eye(centre: Array, gaze: Array, radius: float, coat: Coat) -> TriangleMesh:
    points, faces = _sphere(16, 14)
    gaze = gaze / np.linalg.norm(gaze)
    across = np.cross([0.0, 0.0, 1.0], gaze)
    across /= np.linalg.norm(across)
    # The sphere's pole looks along the gaze, so that pupil and iris end on rings of vertices.
    frame = np.stack([np.cross(gaze, across), across * -1.0, gaze], axis=1)
    off_axis = np.arccos(np.clip(points[:, 2], -1.0, 1.0))
    colors = np.tile(np.array(coat.rim, dtype=np.float64), (len(points), 1))
    colors[off_axis < 0.95] = coat.iris
    colors[off_axis < 0.50] = (14, 14, 14)
    return TriangleMesh(vertices=centre + points @ frame.T * radius, faces=faces, colors=colors.astype(np.uint8))


def _nose(centre: Array, shape: Array, coat: Coat) -> TriangleMesh:
    points, faces = _sphere(8, 6)
    # A nose is a triangle that points down.
    points = points * (shape * np.where(points[:, 2:] < 0, [1.0, 0.5, 1.0], 1.0))
    return TriangleMesh(
        vertices=centre + points, faces=faces, colors=np.tile(np.array(coat.nose, dtype=np.uint8), (len(points), 1))
    )


def _sphere(segments: int, rings: int) -> tuple[Array, Array]:
    polar = np.linspace(0, np.pi, rings + 1)[1:-1]
    azimuth = np.arange(segments) * 2 * np.pi / segments
    grid_p, grid_a = np.meshgrid(polar, azimuth, indexing="ij")
    ring = np.stack([np.sin(grid_p) * np.cos(grid_a), np.sin(grid_p) * np.sin(grid_a), np.cos(grid_p)], -1)
    points = np.concatenate([[[0, 0, 1.0]], ring.reshape(-1, 3), [[0, 0, -1.0]]])
    faces = []
    for k in range(segments):
        after = (k + 1) % segments
        faces.append((0, 1 + k, 1 + after))
        for r in range(rings - 2):
            a, b = 1 + r * segments, 1 + (r + 1) * segments
            faces += [(a + k, b + k, b + after), (a + k, b + after, a + after)]
        last = 1 + (rings - 2) * segments
        faces.append((len(points) - 1, last + after, last + k))
    return points, np.array(faces, dtype=np.int32)
