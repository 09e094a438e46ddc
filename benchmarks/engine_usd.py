"""What usd-core says of exported USD files: Pixar's own reading, its checker, and its skinning beside ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim.home import Home
from ats_sim.reconstruction.export.usd import TIME_CODES_PER_SECOND


def usd_rows(home: Home, exported: Path) -> Iterator[tuple[str, str, str]]:
    """Rows of `benchmarks.engines`."""
    from pxr import Usd, UsdGeom

    engine = "usd-core " + ".".join(str(part) for part in Usd.GetVersion()[1:])
    stage = Usd.Stage.Open(str(exported / "scene.usdc"))
    points = np.array(UsdGeom.Mesh(stage.GetPrimAtPath("/scene/mesh")).GetPointsAttr().Get())
    off = np.abs(points - home.scene.vertices).max()
    yield "scene.usdc", engine, f"{len(points):,} points, {1e3 * off:.4f} mm off; {checked(exported / 'scene.usdc')}"
    joints, skin, frames = skinning_off(home, exported / "agent.usdc")
    said = f"off over {frames} key frames: joints {1e3 * joints:.4f} mm, vertices {1e3 * skin:.4f} mm"
    yield "agent.usdc", engine, f"{said}; {checked(exported / 'agent.usdc')}"


def checked(path: Path) -> str:
    """What USD's own validators find."""
    from pxr import Usd, UsdValidation

    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    found = UsdValidation.ValidationContext(validators).Validate(Usd.Stage.Open(str(path)))
    remarks = "".join(f"; {one.GetName()}: {one.GetMessage()}" for one in found[:3])
    return f"{len(found)} remarks of {len(validators)} validators{remarks}"


def skinning_off(home: Home, path: Path, every: int = 25) -> tuple[float, float, int]:
    """Largest distance (m) of joints and of vertices over every `every`-th key of all animations, and how many keys."""
    from pxr import Usd, UsdGeom, UsdSkel

    stage = Usd.Stage.Open(str(path))
    clips = [prim for prim in stage.Traverse() if prim.IsA(UsdSkel.Animation)]
    far, frames = [0.0, 0.0], 0
    for clip, animation in zip(clips, home.animations, strict=True):
        source = UsdSkel.BindingAPI(stage.GetPrimAtPath("/agent/skeleton")).GetAnimationSourceRel()
        source.SetTargets([clip.GetPath()])
        skeleton, skin = queries(stage)
        rest = UsdGeom.Mesh(skin.GetPrim()).GetPointsAttr().Get()
        for frame in range(0, len(animation.time), every):
            code = Usd.TimeCode(float(animation.time[frame]) * TIME_CODES_PER_SECOND)
            root, turns = animation.T_world_root[frame], animation.joint_rotations[frame]
            joints = np.array(skeleton.ComputeJointSkelTransforms(code))[:, 3, :3]
            ours = home.skeleton.forward_kinematics(root, turns)[:, :3, 3]
            points = type(rest)(rest)
            skin.ComputeSkinnedPoints(skeleton.ComputeSkinningTransforms(code), points, code)
            far[0] = max(far[0], float(np.linalg.norm(joints - ours, axis=1).max()))
            bent = np.array(points) - home.agent.posed(root, turns)
            far[1] = max(far[1], float(np.linalg.norm(bent, axis=1).max()))
            frames += 1
    return far[0], far[1], frames


def queries(stage: Any) -> tuple[Any, Any]:
    """UsdSkel's queries of the stage's one skeleton and of its one skin."""
    from pxr import Usd, UsdSkel

    cache, root = UsdSkel.Cache(), UsdSkel.Root(stage.GetDefaultPrim())
    cache.Populate(root, Usd.PrimDefaultPredicate)
    (binding,) = cache.ComputeSkelBindings(root, Usd.PrimDefaultPredicate)
    (skin,) = binding.GetSkinningTargets()
    return cache.GetSkelQuery(binding.GetSkeleton()), skin
