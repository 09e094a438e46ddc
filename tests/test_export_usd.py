"""USD files, opened again by Pixar's own library, hold the same scene and the same animal in the same motion."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pxr = pytest.importorskip("pxr", reason="needs usd-core: pip install -e '.[engines]'")
from pxr import Usd, UsdGeom, UsdShade, UsdSkel  # noqa: E402
from test_gltf import make_agent, quad  # noqa: E402
from toy_home import make_toy_home, with_texture  # noqa: E402

from ats_sim.gltf import Animation, read_agent  # noqa: E402
from ats_sim.mesh import SkinnedMesh  # noqa: E402
from ats_sim.reconstruction.export.usd import TIME_CODES_PER_SECOND, write_usd_scene  # noqa: E402
from ats_sim.reconstruction.export.usd_agent import write_usd_agent  # noqa: E402

MILLIMETRE = 1e-3


def opened(stage: Any) -> tuple[Any, Any]:
    """UsdSkel's queries of the agent's skeleton and of its skin."""
    cache, root = UsdSkel.Cache(), UsdSkel.Root(stage.GetDefaultPrim())
    assert cache.Populate(root, Usd.PrimDefaultPredicate)
    (binding,) = cache.ComputeSkelBindings(root, Usd.PrimDefaultPredicate)
    (skin,) = binding.GetSkinningTargets()
    return cache.GetSkelQuery(binding.GetSkeleton()), skin


def assert_moves_alike(stage: Any, skinned: SkinnedMesh, animation: Animation, frames: list[int]) -> None:
    """Joints and skinned points at key frames, by USD and by us."""
    skeleton, skin = opened(stage)
    rest = UsdGeom.Mesh(skin.GetPrim()).GetPointsAttr().Get()
    for frame in frames:
        root, turns = animation.T_world_root[frame], animation.joint_rotations[frame]
        code = Usd.TimeCode(float(animation.time[frame]) * TIME_CODES_PER_SECOND)
        joints = np.array(skeleton.ComputeJointSkelTransforms(code)).swapaxes(-1, -2)
        np.testing.assert_allclose(joints, skinned.skeleton.forward_kinematics(root, turns), atol=MILLIMETRE)
        points = type(rest)(rest)
        assert skin.ComputeSkinnedPoints(skeleton.ComputeSkinningTransforms(code), points, code)
        np.testing.assert_allclose(np.array(points), skinned.posed(root, turns), atol=MILLIMETRE)


def test_scene_is_the_same_with_its_texture_beside_it(tmp_path: Path) -> None:
    mesh = quad(True)
    write_usd_scene(tmp_path / "scene.usdc", mesh)
    stage = Usd.Stage.Open(str(tmp_path / "scene.usdc"))
    assert UsdGeom.GetStageUpAxis(stage) == "Z" and UsdGeom.GetStageMetersPerUnit(stage) == 1.0
    prim = UsdGeom.Mesh(stage.GetPrimAtPath("/scene/mesh"))
    np.testing.assert_array_equal(np.array(prim.GetPointsAttr().Get()), mesh.vertices)
    np.testing.assert_array_equal(np.array(prim.GetFaceVertexIndicesAttr().Get()), mesh.faces.reshape(-1))
    box = UsdGeom.BBoxCache(Usd.TimeCode.Default(), ["default"]).ComputeWorldBound(stage.GetDefaultPrim())
    np.testing.assert_allclose(np.array(box.ComputeAlignedRange().GetMax()), mesh.vertices.max(0))
    material, _ = UsdShade.MaterialBindingAPI(prim.GetPrim()).ComputeBoundMaterial()
    texture = UsdShade.Shader(stage.GetPrimAtPath(material.GetPath().AppendChild("colors"))).GetInput("file").Get()
    assert Path(texture.resolvedPath).read_bytes()[:2] == b"\xff\xd8", "a JPEG lies where the file says"


def test_turned_joints_move_alike(tmp_path: Path) -> None:
    skinned, motion = make_agent()
    write_usd_agent(tmp_path / "agent.usdc", skinned, [motion])
    stage = Usd.Stage.Open(str(tmp_path / "agent.usdc"))
    assert_moves_alike(stage, skinned, motion, list(range(12)))
    query, _ = opened(stage)
    binds = np.array(query.GetJointWorldBindTransforms()).swapaxes(-1, -2)
    np.testing.assert_allclose(binds, skinned.skeleton.rest_transforms, atol=1e-9)
    assert query.HasRestPose() and query.HasBindPose()


def test_textured_animal_has_its_picture_beside_it_and_moves_alike(tmp_path: Path) -> None:
    skinned, motion = make_agent()
    skinned = with_texture(skinned)
    write_usd_agent(tmp_path / "agent.usdc", skinned, [motion])
    stage = Usd.Stage.Open(str(tmp_path / "agent.usdc"))
    assert_moves_alike(stage, skinned, motion, [0, 7])
    prim = UsdGeom.Mesh(stage.GetPrimAtPath("/agent/body"))
    material, _ = UsdShade.MaterialBindingAPI(prim.GetPrim()).ComputeBoundMaterial()
    texture = UsdShade.Shader(stage.GetPrimAtPath(material.GetPath().AppendChild("colors"))).GetInput("file").Get()
    assert Path(texture.resolvedPath).name == "agent.jpg"
    places = np.array(UsdGeom.PrimvarsAPI(prim).GetPrimvar("st").Get())
    np.testing.assert_allclose(places, skinned.mesh.uv * [1, -1] + [0, 1], atol=1e-6)


def test_every_motion_is_there_and_can_be_chosen(tmp_path: Path) -> None:
    skinned, (walk,) = read_agent(make_toy_home(tmp_path / "home") / "agent.glb")
    back = Animation("toy", walk.time, walk.T_world_root[::-1].copy(), walk.joint_rotations)
    odd = Animation("1/ü?", walk.time, walk.T_world_root[::2].repeat(2, axis=0), walk.joint_rotations)
    write_usd_agent(tmp_path / "agent.usda", skinned, [walk, back, odd])
    stage = Usd.Stage.Open(str(tmp_path / "agent.usda"))
    clips = [prim for prim in stage.Traverse() if prim.IsA(UsdSkel.Animation)]
    assert len(clips) == 3 and stage.GetEndTimeCode() == pytest.approx(19.9 * TIME_CODES_PER_SECOND)
    for clip, animation in zip(clips, (walk, back, odd), strict=True):
        source = UsdSkel.BindingAPI(stage.GetPrimAtPath("/agent/skeleton")).GetAnimationSourceRel()
        source.SetTargets([clip.GetPath()])
        assert_moves_alike(stage, skinned, animation, [0, 77, 199])
