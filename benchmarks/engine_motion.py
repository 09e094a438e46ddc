"""How far another engine's bones and bent mesh are from ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import exp_so3, interpolate_poses, log_so3
from ats_sim.gltf import Animation
from ats_sim.mesh import SkinnedMesh


def apart(
    seen: Mapping[str, Array], skinned: SkinnedMesh, animations: Sequence[Animation], times: Sequence[float]
) -> dict[str, float]:
    """Largest distances (m) of `rest` and posed `joints`, and of `vertices`, over all animations and times.

    Args:
        seen: What `engine_tools.seen_by_blender` returned for these times.
        skinned: The agent as we read it.
        animations: Its motions.
        times: Seconds.
    """
    order = [seen["bones"].tolist().index(name) for name in skinned.skeleton.joint_names]
    rest = np.linalg.norm(seen["rest_heads"][order] - skinned.skeleton.rest_transforms[:, :3, 3], axis=1)
    found = {"rest": float(rest.max()), "joints": 0.0, "vertices": 0.0}
    for index, name in enumerate(seen["animations"].tolist()):
        animation = next(one for one in animations if one.name == name)
        for k, time in enumerate(times):
            root, turns = pose_at(animation, time)
            joints = skinned.skeleton.forward_kinematics(root, turns)[:, :3, 3]
            far = np.linalg.norm(seen["heads"][index, k, order] - joints, axis=1).max()
            found["joints"] = max(found["joints"], float(far))
            far = np.linalg.norm(seen["bent"][index, k] - skinned.posed(root, turns), axis=1).max()
            found["vertices"] = max(found["vertices"], float(far))
    return found


def pose_at(animation: Animation, time: float) -> tuple[Array, Array]:
    """Root pose (4, 4) and joint rotations (J, 3) at a time, straight between the keys around it."""
    root = interpolate_poses(animation.time, animation.T_world_root, np.array([time]))[0]
    after = int(np.clip(np.searchsorted(animation.time, time, side="right"), 1, len(animation.time) - 1))
    before = after - 1
    share = (time - animation.time[before]) / (animation.time[after] - animation.time[before])
    start, end = exp_so3(animation.joint_rotations[before]), exp_so3(animation.joint_rotations[after])
    step = log_so3(np.swapaxes(start, -1, -2) @ end)
    return root, log_so3(start @ exp_so3(np.clip(share, 0.0, 1.0) * step))
