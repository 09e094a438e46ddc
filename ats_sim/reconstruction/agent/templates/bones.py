"""A few loose bones about whatever shape is seen: for a robot, a bird, a toy, for which no skeleton is known.

Nothing is known beforehand, so the template is made from the videos themselves: a rounded block as long, as wide and as
tall as what they show, and bones at the middles of the parts that its points fall into. All bones are children of the
root. `motion.npz` holds rotations only, so each bone can turn about its own middle and cannot leave its place: that is
enough for a thing that nods, waddles or turns a part of it, and too little for one whose parts come apart. Wings and
arms come out as far as turning about their middles can tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import inverse, transform_points
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.reconstruction.agent.observations import Sightings
from ats_sim.reconstruction.agent.root_track import track_root, travel_velocity
from ats_sim.reconstruction.agent.template import JointPriors, Template
from ats_sim.skeleton import Skeleton

BONES = 4
"""Bones besides the root: few, so that a rigid thing stays rigid."""
ROUNDNESS = 4.0
"""Exponent of the block: 2 would be an ellipsoid, more is nearer to a box."""
MOVING = 0.15
"""Metres per second from which the direction of travel says which way a thing faces."""
LEAST_SIZE = 0.03
"""Metres from the middle to each side, at least."""
FRAMES = 60
"""Frames of each video that are looked at."""
STIFFNESS = (50.0, 50.0, 50.0)
"""Of all bones about all axes: what can be explained by moving the whole is."""
HOLD = np.exp(-1.0)
"""How fast the root holds the skin, beside a bone that is as far away as bones are from each other."""


def bones(sightings: Sequence[Sightings]) -> Template:
    """The template for what videos show; its joints are called root, bone1, bone2 ...

    Args:
        sightings: What V videos show; at least one shows something.
    """
    half = half_sizes(sightings)
    solid = block(half)
    lone = _skinned(solid, np.zeros((0, 3)))
    own = np.concatenate([_own_points(_thinned(one), lone) for one in sightings if one.seen.any()])
    centres = middles(np.clip(own, -half, half), BONES)
    mesh = _skinned(solid, centres)
    grain = max(1.0, float(half.max()) / 0.3)
    return Template(
        mesh,
        JointPriors.alike(mesh.skeleton.num_joints, STIFFNESS),
        sizes=(0.8, 0.9, 1.0, 1.12, 1.25),
        grain=grain,
        symmetric=False,
    )


def half_sizes(sightings: Sequence[Sightings]) -> Array:
    """Metres (3,) from a thing's middle to its front, its left and its top.

    Seen from an angle t off its heading, a block of half sizes a and b has the half width w with
    w^q = (a |sin t|)^q + (b |cos t|)^q, where 1/q + 1/ROUNDNESS = 1 (the support function of a superellipse), so a^q
    and b^q follow from all widths by least squares. What was seen from one side only is taken to be as long as it is
    wide.
    """
    sines, widths, heights = [], [], []
    for one in sightings:
        k = np.flatnonzero(one.seen)
        if not len(k):
            continue
        middle = np.median(one.points[k], axis=1)
        way = _facing(one.time[k], middle)
        view = middle[:, :2] - one.T_world_camera[k, :2, 3]
        view /= np.maximum(np.linalg.norm(view, axis=1, keepdims=True), 1e-9)
        across = np.stack([-view[:, 1], view[:, 0]], axis=-1)
        sines.append(np.einsum("kc,kc->k", across, way))
        widths.append(_extent(np.einsum("kpc,kc->kp", one.points[k, :, :2], across)))
        heights.append(_extent(one.points[k, :, 2]))
    q, sine = ROUNDNESS / (ROUNDNESS - 1.0), np.abs(np.concatenate(sines)).clip(0.0, 1.0)
    rows = np.stack([sine**q, (1.0 - sine**2) ** (q / 2)], axis=-1)
    # A faint pull towards a round plan decides where the views do not.
    rows = np.concatenate([rows, 0.05 * np.sqrt(len(sine)) * np.array([[1.0, -1.0]])])
    powers = np.linalg.lstsq(rows, np.append((0.5 * np.concatenate(widths)) ** q, 0.0), rcond=None)[0]
    sides = np.maximum(powers, LEAST_SIZE**q) ** (1.0 / q)
    return np.append(sides, max(LEAST_SIZE, 0.5 * float(np.median(np.concatenate(heights)))))


def block(half: Array) -> TriangleMesh:
    """A rounded block about the origin that reaches `half` (3,) metres along each axis, faces outwards."""
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=3)
    reach = (np.abs(ball.vertices) ** ROUNDNESS).sum(axis=1) ** (-1.0 / ROUNDNESS)
    return TriangleMesh((ball.vertices * reach[:, None] * half).astype(np.float32), ball.faces.astype(np.int32))


def middles(points: Array, count: int) -> Array:
    """Middles (count, 3) of the parts that points (N, 3) fall into: farthest points first, then Lloyd's k-means."""
    chosen = [points[np.argmax(points[:, 0])]]
    for _ in range(count - 1):
        away = np.min([np.linalg.norm(points - one, axis=1) for one in chosen], axis=0)
        chosen.append(points[np.argmax(away)])
    centres = np.array(chosen)
    for _ in range(20):
        nearest = np.linalg.norm(points[:, None] - centres, axis=-1).argmin(axis=1)
        centres = np.stack([
            points[nearest == k].mean(axis=0) if (nearest == k).any() else centres[k] for k in range(count)
        ])  # fmt: skip
    return centres


def _facing(time: Array, middle: Array) -> Array:
    """Unit directions (K, 2) in which a thing at places (K, 3) travels; where it rests, those of when it last moved."""
    velocity = travel_velocity(time, middle)
    speed = np.linalg.norm(velocity, axis=1)
    moving = np.flatnonzero(speed > MOVING)
    if not len(moving):
        return np.tile([1.0, 0.0], (len(time), 1))
    last = moving[np.clip(np.searchsorted(moving, np.arange(len(time)), side="right") - 1, 0, None)]
    return np.asarray(velocity[last] / speed[last, None])


def _extent(values: Array) -> Array:
    """How far values (K, P) spread, without the few that fly."""
    low, high = np.percentile(values, [2, 98], axis=1)
    return np.asarray(high - low)


def _thinned(one: Sightings) -> Sightings:
    """Some of the frames that show something."""
    seen = np.flatnonzero(one.seen)
    k = seen[np.unique(np.linspace(0, len(seen) - 1, min(FRAMES, len(seen))).astype(int))]
    names = ("frames", "time", "seen", "points", "T_world_camera", "lens", "fields")
    return replace(one, **{name: getattr(one, name)[k] for name in names})


def _own_points(one: Sightings, solid: SkinnedMesh) -> Array:
    """All points (N, 3) of a video in the root frame of the block that lies on them."""
    track = track_root(one, solid).T_world_root
    own = [transform_points(inverse(pose), points) for pose, points in zip(track, one.points, strict=True)]
    return np.concatenate(own).astype(np.float64)


def _skinned(solid: TriangleMesh, centres: Array) -> SkinnedMesh:
    """The block held by its root and by bones at centres (K, 3), each vertex by those that are nearest."""
    count = len(centres)
    rest = np.tile(np.eye(4), (count + 1, 1, 1))
    rest[1:, :3, 3] = centres
    names = ("root", *(f"bone{k + 1}" for k in range(count)))
    skeleton = Skeleton(names, np.array([-1, *[0] * count]), rest)
    gaps = np.linalg.norm(centres[:, None] - centres, axis=-1) + 1e3 * np.eye(count)
    width = max(float(np.median(gaps.min(axis=1))), LEAST_SIZE) if count else 1.0
    away = np.linalg.norm(solid.vertices[:, None] - centres, axis=-1)
    pull = np.column_stack([np.full(len(away), HOLD), np.exp(-((away / width) ** 2))])
    joints = np.argsort(-pull, axis=1, kind="stable")[:, :4]
    weights = np.take_along_axis(pull, joints, axis=1)
    weights /= weights.sum(axis=1, keepdims=True)
    unused = ((0, 0), (0, 4 - joints.shape[1]))
    joints, weights = np.pad(joints, unused).astype(np.int32), np.pad(weights, unused).astype(np.float32)
    return SkinnedMesh(solid, joints, weights, skeleton)
