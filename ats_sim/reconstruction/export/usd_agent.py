"""A skinned agent and its motions as USD, by the UsdSkel schema.

Joints are named by their paths (`root/spine1/...`); bind transforms map joints to the rest pose's frame, rest
transforms to the parent's. USD's matrices act on row vectors, so ours are transposed on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import exp_so3, quaternion_from_matrix
from ats_sim.gltf import Animation, continuous
from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.export.usd import TIME_CODES_PER_SECOND, new_stage, write_mesh, write_picture
from ats_sim.skeleton import Skeleton


def write_usd_agent(path: Path, skinned: SkinnedMesh, animations: Sequence[Animation]) -> None:
    """Write an agent and beside it its texture, if it has one, `<stem>.jpg`.

    The first of its animations is the one that plays, the others lie beside it.

    Raises:
        ModuleNotFoundError: If usd-core is missing.
    """
    from pxr import UsdSkel

    picture = write_picture(path, skinned.mesh)
    with new_stage(path) as stage:
        root = UsdSkel.Root.Define(stage, "/agent")
        stage.SetDefaultPrim(root.GetPrim())
        _write_skeleton(stage, skinned.skeleton)
        body = write_mesh(stage, "/agent/body", skinned.mesh, picture)
        _bind(body, skinned)
        clips = [_write_animation(stage, skinned.skeleton, animation) for animation in animations]
        if clips:
            stage.SetStartTimeCode(0.0)
            stage.SetEndTimeCode(max(float(a.time[-1]) for a in animations) * TIME_CODES_PER_SECOND)
            skeleton = stage.GetPrimAtPath("/agent/skeleton")
            UsdSkel.BindingAPI.Apply(skeleton).CreateAnimationSourceRel().SetTargets([clips[0].GetPath()])


def joint_paths(skeleton: Skeleton) -> list[str]:
    """Every joint's name behind those of all joints above it, as UsdSkel orders joints."""
    paths: list[str] = []
    for name, parent in zip(skeleton.joint_names, skeleton.joint_parents.tolist(), strict=True):
        paths.append(name if parent < 0 else f"{paths[parent]}/{name}")
    return paths


def _write_skeleton(stage: Any, skeleton: Skeleton) -> None:
    from pxr import UsdSkel

    prim = UsdSkel.Skeleton.Define(stage, "/agent/skeleton")
    prim.CreateJointsAttr(joint_paths(skeleton))
    prim.CreateJointNamesAttr(list(skeleton.joint_names))
    prim.CreateBindTransformsAttr(_row_matrices(skeleton.rest_transforms))
    prim.CreateRestTransformsAttr(_row_matrices(skeleton.joint_rest))


def _bind(body: Any, skinned: SkinnedMesh) -> None:
    from pxr import Gf, UsdSkel, Vt

    binding = UsdSkel.BindingAPI.Apply(body.GetPrim())
    binding.CreateSkeletonRel().SetTargets(["/agent/skeleton"])
    binding.CreateGeomBindTransformAttr(Gf.Matrix4d(1.0))
    joints = np.ascontiguousarray(skinned.skin_joints.reshape(-1))
    weights = np.ascontiguousarray(skinned.skin_weights.reshape(-1))
    binding.CreateJointIndicesPrimvar(False, 4).Set(Vt.IntArray.FromNumpy(joints))
    binding.CreateJointWeightsPrimvar(False, 4).Set(Vt.FloatArray.FromNumpy(weights))


def _write_animation(stage: Any, skeleton: Skeleton, animation: Animation) -> Any:
    from pxr import Tf, UsdSkel, Vt

    name = Tf.MakeValidIdentifier(f"motion_{animation.name}")
    while stage.GetPrimAtPath(f"/agent/{name}"):
        name += "_"
    prim = UsdSkel.Animation.Define(stage, f"/agent/{name}")
    prim.CreateJointsAttr(joint_paths(skeleton))
    prim.CreateScalesAttr(Vt.Vec3hArray(skeleton.num_joints, (1, 1, 1)))
    local = skeleton.joint_rest[:, :3, :3] @ exp_so3(animation.joint_rotations)
    local[:, 0] = animation.T_world_root[:, :3, :3]
    quaternions = continuous(quaternion_from_matrix(local)).astype(np.float32)
    places = np.tile(skeleton.joint_rest[:, :3, 3].astype(np.float32), (len(local), 1, 1))
    places[:, 0] = animation.T_world_root[:, :3, 3]
    rotations, translations = prim.CreateRotationsAttr(), prim.CreateTranslationsAttr()
    for time, turn, place in zip(animation.time * TIME_CODES_PER_SECOND, quaternions, places, strict=True):
        rotations.Set(Vt.QuatfArray.FromNumpy(turn), float(time))
        translations.Set(Vt.Vec3fArray.FromNumpy(place), float(time))
    return prim


def _row_matrices(transforms: Array) -> Any:
    from pxr import Vt

    return Vt.Matrix4dArray.FromNumpy(np.ascontiguousarray(np.swapaxes(transforms, -1, -2), dtype=np.float64))
