"""A skinned body from limbs: round cones on a skeleton, melted into one closed surface.

A limb is the convex hull of two spheres, fixed to one joint. The body is the zero level of a smooth minimum of all
limb distances at rest; a vertex is skinned by how near it lies to the limbs of each joint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ReconstructionError
from ats_sim.geometry import transform_points
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.skeleton import Skeleton

MAX_INFLUENCES = 4


@dataclass(frozen=True)
class Limb:
    """A round cone, in the frame of the joint that carries it."""

    joint: str
    """Name of the joint."""
    start: tuple[float, float, float]
    """Centre of the first sphere, metres."""
    end: tuple[float, float, float]
    """Centre of the second sphere, metres."""
    radius_start: float
    """Radius of the first sphere, metres."""
    radius_end: float
    """Radius of the second sphere, metres."""


def mirrored(limb: Limb) -> Limb:
    """The same limb on the right of a body, for one on its left: its frames are parallel to the root's at rest."""
    (ax, ay, az), (bx, by, bz) = limb.start, limb.end
    name = limb.joint.replace("left_", "right_")
    return Limb(name, (ax, -ay, az), (bx, -by, bz), limb.radius_start, limb.radius_end)


def round_cone_distance(points: Array, start: Array, end: Array, radius_start: float, radius_end: float) -> Array:
    """Signed distance (...,) of `points` (..., 3) to the hull of two spheres; negative inside.

    The nearest sphere of the family between the two ends has a closed form: its centre lies where the ray from the
    point meets the axis at the cone's slope.
    """
    axis = np.asarray(end, dtype=np.float64) - start
    length = max(float(np.linalg.norm(axis)), 1e-9)
    sine = float(np.clip((radius_start - radius_end) / length, -0.999, 0.999))
    along = (points - start) @ (axis / length)
    radial = np.sqrt(np.maximum(np.sum((points - start) ** 2, axis=-1) - along**2, 0.0))
    centre = np.clip(along - radial * sine / np.sqrt(1.0 - sine**2), 0.0, length)
    radius = radius_start + (radius_end - radius_start) * centre / length
    return np.hypot(radial, along - centre) - radius


def limb_mesh(
    skeleton: Skeleton,
    limbs: Sequence[Limb],
    *,
    voxel: float = 0.012,
    blend: float = 0.02,
    faces: int | None = None,
    softness: float = 0.012,
) -> SkinnedMesh:
    """Melt limbs into a watertight mesh in the root frame at rest, skinned to at most four joints per vertex.

    voxel: size of the marching-cubes grid (m); blend: width over which touching limbs melt into each other (m);
    faces: simplify to about this many triangles; softness: width over which skin passes from joint to joint (m).
    Raises ReconstructionError when a limb names no joint of the skeleton or the limbs do not melt into one piece.
    """
    placed = _placed(skeleton, limbs)
    vertices, triangles = _surface(placed, voxel, blend)
    if faces is not None and faces < len(triangles):
        vertices, triangles = _simplified(vertices, triangles, faces)
    joints, weights = skin_weights(skeleton, limbs, vertices, triangles, softness=softness)
    mesh = TriangleMesh(vertices=vertices.astype(np.float32), faces=triangles.astype(np.int32))
    return SkinnedMesh(mesh=mesh, skin_joints=joints, skin_weights=weights, skeleton=skeleton)


def skin_weights(
    skeleton: Skeleton, limbs: Sequence[Limb], vertices: Array, faces: Array, *, softness: float = 0.012
) -> tuple[Array, Array]:
    """Joint indices (V, 4) int32 and weights (V, 4) float32 that sum to one, for vertices in the root frame at rest.

    Joints far apart in the tree share no skin even where they touch (a thigh and the belly above it do, two thighs
    do not), so the distance to a limb grows with its tree distance from the nearest limb's joint.
    """
    distance = joint_distances(skeleton, limbs, vertices)
    owner = np.argmin(distance, axis=1)
    hops = _tree_distance(skeleton)[owner]
    distance = distance + 2.0 * softness * np.maximum(hops - 1, 0)
    dense = np.exp(-(distance - distance.min(axis=1, keepdims=True)) / softness)
    dense = _smoothed(dense / dense.sum(axis=1, keepdims=True), faces, rounds=3)
    joints = np.argsort(-dense, axis=1, kind="stable")[:, :MAX_INFLUENCES]
    weights = np.take_along_axis(dense, joints, axis=1)
    weights[weights < 0.01] = 0.0
    weights /= weights.sum(axis=1, keepdims=True)
    return joints.astype(np.int32), weights.astype(np.float32)


def joint_distances(skeleton: Skeleton, limbs: Sequence[Limb], points: Array) -> Array:
    """Signed distance (P, J) from points (P, 3) in the root frame at rest to the limbs of every joint.

    Joints without a limb are 1e3 m away.
    """
    distance = np.full((len(points), skeleton.num_joints), 1e3)
    for limb, (start, end) in zip(limbs, _placed(skeleton, limbs).ends, strict=True):
        column = skeleton.joint_names.index(limb.joint)
        own = round_cone_distance(points, start, end, limb.radius_start, limb.radius_end)
        distance[:, column] = np.minimum(distance[:, column], own)
    return distance


@dataclass(frozen=True)
class _Placed:
    limbs: Sequence[Limb]
    ends: Array
    """Sphere centres (L, 2, 3) in the root frame at rest."""


def _placed(skeleton: Skeleton, limbs: Sequence[Limb]) -> _Placed:
    unknown = sorted({limb.joint for limb in limbs} - set(skeleton.joint_names))
    if unknown or not limbs:
        raise ReconstructionError(
            f"limbs name joints {unknown} that the skeleton lacks; use its joint names" if unknown else "no limbs given"
        )
    rest = skeleton.rest_transforms
    frames = np.stack([rest[skeleton.joint_names.index(limb.joint)] for limb in limbs])
    ends = np.array([[limb.start, limb.end] for limb in limbs], dtype=np.float64)
    return _Placed(limbs, transform_points(frames, ends))


def _surface(placed: _Placed, voxel: float, blend: float) -> tuple[Array, Array]:
    from skimage.measure import marching_cubes

    sharpness = blend / 4.0
    reach = max(4.0 * sharpness, 2.0 * voxel)
    radii = np.array([max(limb.radius_start, limb.radius_end) for limb in placed.limbs])
    low = placed.ends.min(axis=1) - radii[:, None] - reach
    high = placed.ends.max(axis=1) + radii[:, None] + reach
    # A grid symmetric about y = 0 gives a symmetric body a symmetric surface.
    lateral = np.maximum(np.abs(low[:, 1]), np.abs(high[:, 1])).max()
    steps = int(np.ceil(lateral / voxel))
    origin = np.array([low[:, 0].min(), -steps * voxel, low[:, 2].min()]) - [voxel, voxel, voxel]
    corner = np.array([high[:, 0].max(), steps * voxel, high[:, 2].max()]) + voxel
    shape = np.round((corner - origin) / voxel).astype(int) + 1
    total = np.full(tuple(shape), np.exp(-reach / sharpness) * 1e-3)
    for limb, (start, end), box_low, box_high in zip(placed.limbs, placed.ends, low, high, strict=True):
        first = np.maximum(np.floor((box_low - origin) / voxel).astype(int), 0)
        last = np.minimum(np.ceil((box_high - origin) / voxel).astype(int) + 1, shape)
        axes = [origin[i] + voxel * np.arange(first[i], last[i]) for i in range(3)]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        distance = round_cone_distance(points, start, end, limb.radius_start, limb.radius_end)
        window = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
        total[window] += np.exp(-distance / sharpness)
    field = -sharpness * np.log(total)
    vertices, triangles, _, _ = marching_cubes(field, level=0.0, gradient_direction="descent")
    _check_one_piece(len(vertices), triangles)
    return vertices.astype(np.float64) * voxel + origin, triangles.astype(np.int64)


def _check_one_piece(count: int, triangles: Array) -> None:
    from scipy.sparse.csgraph import connected_components

    pieces, _ = connected_components(_adjacency(count, triangles), directed=False)
    if pieces != 1:
        raise ReconstructionError(f"the limbs melt into {pieces} pieces; let them overlap or raise `blend`")


def _simplified(vertices: Array, triangles: Array, faces: int) -> tuple[Array, Array]:
    import fast_simplification

    points, kept = fast_simplification.simplify(
        vertices.astype(np.float32), triangles.astype(np.int32), target_count=faces, agg=3.0
    )
    used = np.unique(kept)
    return np.asarray(points, dtype=np.float64)[used], np.searchsorted(used, kept).astype(np.int64)


def _smoothed(values: Array, faces: Array, rounds: int) -> Array:
    from scipy.sparse import diags

    adjacency = _adjacency(len(values), faces)
    average = diags(1.0 / np.maximum(adjacency.sum(axis=1), 1.0)) @ adjacency
    for _ in range(rounds):
        values = 0.5 * values + 0.5 * (average @ values)
    return values


def _adjacency(count: int, faces: Array) -> Array:
    from scipy.sparse import coo_array

    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = np.concatenate([edges, edges[:, ::-1]])
    return (coo_array((np.ones(len(edges)), edges.T), shape=(count, count)).tocsr() > 0).astype(np.float64)


def _tree_distance(skeleton: Skeleton) -> Array:
    chains = []
    for joint in range(skeleton.num_joints):
        chain = [joint]
        while chain[-1] > 0:
            chain.append(int(skeleton.joint_parents[chain[-1]]))
        chains.append(chain)
    count = len(chains)
    hops = np.zeros((count, count), dtype=int)
    for i in range(count):
        for j in range(i):
            shared = len(set(chains[i]) & set(chains[j]))
            hops[i, j] = hops[j, i] = len(chains[i]) + len(chains[j]) - 2 * shared
    return hops
