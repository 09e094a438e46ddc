"""Which links of a rig may pass through each other, as the SRDF file beside a URDF says it to planners and engines.

Capsules are fatter than bones: links that lie in each other at rest, or in most of the poses that the animal was filmed
in, would push each other apart for ever.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.files import atomic_path
from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.export.urdf import Capsule, capsules

OFTEN = 0.5
"""Share of poses from which on a pair is let through."""
MOST_POSES = 400


def write_srdf(path: Path, skinned: SkinnedMesh, joint_rotations: Array) -> None:
    """Write the pairs to ignore: neighbours in the tree, and whatever touches at rest or often while it moves.

    Args:
        path: Where to.
        skinned: The agent.
        joint_rotations: (N, J, 3) axis-angle poses that it was recorded in.
    """
    skeleton, still = skinned.skeleton, np.zeros((1, skinned.skeleton.num_joints, 3))
    chosen = joint_rotations[:: max(1, len(joint_rotations) // MOST_POSES)]
    at_rest, moving = touching(skinned, still) > 0, touching(skinned, chosen) >= OFTEN
    lines = ['<?xml version="1.0"?>', '<robot name="agent">']
    for a in range(skeleton.num_joints):
        for b in range(a + 1, skeleton.num_joints):
            adjacent = skeleton.joint_parents[b] == a
            if adjacent or at_rest[a, b] or moving[a, b]:
                reason = "Adjacent" if adjacent else "Default"
                names = f'link1="{skeleton.joint_names[a]}" link2="{skeleton.joint_names[b]}"'
                lines.append(f'  <disable_collisions {names} reason="{reason}"/>')
    lines.append("</robot>")
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def touching(skinned: SkinnedMesh, joint_rotations: Array) -> Array:
    """(J, J) share of the poses (N, J, 3) in which the capsules of two links overlap."""
    gaps = capsule_gaps(capsules(skinned), skinned.skeleton.forward_kinematics(np.eye(4), joint_rotations))
    return np.asarray((gaps < 0).mean(0))


def capsule_gaps(shapes: list[Capsule], transforms: Array) -> Array:
    """(N, J, J) metres between capsules, negative where they overlap, for joints' transforms (N, J, 4, 4)."""
    half = np.array([[0.0, 0.0, 0.5 * shape.length, 0.0] for shape in shapes])
    poses = transforms @ np.stack([shape.pose for shape in shapes])
    middle, along = poses[..., :3, 3], np.einsum("njik,jk->nji", poses, half)[..., :3]
    radius = np.array([shape.radius for shape in shapes])
    first, second = np.broadcast_arrays(middle[:, :, None], middle[:, None])
    one, other = np.broadcast_arrays(along[:, :, None], along[:, None])
    return segment_distances(first, one, second, other) - radius[:, None] - radius


def segment_distances(p: Array, d: Array, q: Array, e: Array) -> Array:
    """Distances (...) between the segments p - d to p + d and q - e to q + e, all (..., 3).

    The nearest points of the lines, with one parameter held to the segment and the other then found anew
    (Ericson, Real-Time Collision Detection, 5.1.9).
    """
    between = p - q
    dd, ee, de = (d * d).sum(-1), (e * e).sum(-1), (d * e).sum(-1)
    dr, er = (d * between).sum(-1), (e * between).sum(-1)
    parallel = dd * ee - de * de < 1e-12
    s = np.where(parallel, 0.0, (de * er - ee * dr) / np.where(parallel, 1.0, dd * ee - de * de))
    t = np.clip((de * np.clip(s, -1.0, 1.0) + er) / ee, -1.0, 1.0)
    s = np.clip((de * t - dr) / dd, -1.0, 1.0)
    return np.asarray(np.linalg.norm(between + s[..., None] * d - t[..., None] * e, axis=-1))
