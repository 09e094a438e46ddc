"""Khronos' validator has nothing to say of our files, and Blender bends the same animal in the same motion.

Both are other people's programs; `benchmarks/engine_tools.py` says how to install them and where tests look.
"""

from pathlib import Path

import numpy as np
import pytest
from test_gltf import make_agent, quad
from toy_home import make_toy_home

from ats_sim.gltf import read_agent, read_scene, write_agent, write_scene
from ats_sim.manifest import DEFAULT
from benchmarks.engine_motion import apart
from benchmarks.engine_tools import blender_python, counts, gltf_validator, seen_by_blender, validated

CLEAN = "0 errors, 0 warnings, 0 infos, 0 hints"
MILLIMETRE = 1e-3

needs_validator = pytest.mark.skipif(gltf_validator() is None, reason="needs node and ATS_GLTF_VALIDATOR")
needs_blender = pytest.mark.skipif(blender_python() is None, reason="needs ATS_BLENDER_PYTHON")


@needs_validator
@pytest.mark.parametrize("name", ["scene.glb", "agent.glb"])
@pytest.mark.parametrize("home", ["default", "toy"])
def test_the_validator_has_nothing_to_say(tmp_path: Path, home: str, name: str) -> None:
    folder = DEFAULT if home == "default" else make_toy_home(tmp_path / "home")
    validator = gltf_validator()
    assert validator is not None and counts(validated(folder / name, validator)) == CLEAN


@needs_validator
@pytest.mark.parametrize("texture", [False, True])
@pytest.mark.parametrize("unlit", [False, True])
def test_every_kind_of_scene_is_clean(tmp_path: Path, texture: bool, unlit: bool) -> None:
    write_scene(tmp_path / "scene.glb", quad(texture), unlit=unlit, texture_format="png")
    validator = gltf_validator()
    assert validator is not None
    # The odd size of this tiny picture is worth an info, never a warning.
    assert counts(validated(tmp_path / "scene.glb", validator)).startswith("0 errors, 0 warnings")


@needs_validator
def test_turned_joints_and_spread_weights_are_clean(tmp_path: Path) -> None:
    skinned, motion = make_agent()
    write_agent(tmp_path / "agent.glb", skinned, [motion])
    validator = gltf_validator()
    assert validator is not None
    # Its only remark: triangles of this random mesh with one corner twice.
    assert counts(validated(tmp_path / "agent.glb", validator)) == "0 errors, 0 warnings, 1 infos, 0 hints"


@needs_validator
def test_the_validator_is_awake(tmp_path: Path) -> None:
    skinned, motion = make_agent()
    write_agent(tmp_path / "agent.glb", skinned, [motion])
    damaged = (tmp_path / "agent.glb").read_bytes().replace(b'"VEC4"', b'"VEC2"')
    (tmp_path / "agent.glb").write_bytes(damaged)
    validator = gltf_validator()
    assert validator is not None and validated(tmp_path / "agent.glb", validator)["issues"]["numErrors"] > 0


@pytest.mark.slow
@needs_blender
@pytest.mark.parametrize("ending", ["glb", "usdc"])
def test_blender_bends_the_bundled_animal_alike(tmp_path: Path, ending: str) -> None:
    skinned, animations = read_agent(DEFAULT / "agent.glb")
    path, times = DEFAULT / "agent.glb", [0.0, 0.5, 7.3, 29.9]
    if ending == "usdc":
        pytest.importorskip("pxr")
        from ats_sim.reconstruction.export.usd_agent import write_usd_agent

        path, animations = tmp_path / "agent.usdc", animations[:1]
        write_usd_agent(path, skinned, animations)
    blender = blender_python()
    assert blender is not None
    seen = seen_by_blender(path, blender, times)
    if ending == "usdc":
        # Its importer takes the one motion that plays, under a name of its own.
        assert len(seen["animations"]) == 1
        seen["animations"] = np.array([animations[0].name])
    parents = [skinned.skeleton.joint_names[p] if p >= 0 else "" for p in skinned.skeleton.joint_parents]
    tree = dict(zip(skinned.skeleton.joint_names, parents, strict=True))
    assert dict(zip(seen["bones"].tolist(), seen["parents"].tolist(), strict=True)) == tree
    assert sorted(seen["animations"].tolist()) == sorted(one.name for one in animations)
    assert max(apart(seen, skinned, animations, times).values()) < MILLIMETRE


@pytest.mark.slow
@needs_blender
@pytest.mark.parametrize("ending", ["glb", "usdc"])
def test_blender_opens_the_bundled_scene(tmp_path: Path, ending: str) -> None:
    mesh, path = read_scene(DEFAULT / "scene.glb"), DEFAULT / "scene.glb"
    if ending == "usdc":
        pytest.importorskip("pxr")
        from ats_sim.reconstruction.export.usd import write_usd_scene

        path = tmp_path / "scene.usdc"
        write_usd_scene(path, mesh)
    blender = blender_python()
    assert blender is not None and mesh.texture is not None
    seen = seen_by_blender(path, blender, picture=tmp_path / "scene.png")
    for corner in (np.min, np.max):
        np.testing.assert_allclose(corner(seen["points"], 0), corner(mesh.vertices, 0), atol=MILLIMETRE)
    assert int(seen["triangles"]) == len(mesh.faces) and int(seen["uv_layers"]) == 1
    assert seen["textures"].tolist() == [list(mesh.texture.shape[:2])]
    assert (tmp_path / "scene.png").stat().st_size > 10_000
