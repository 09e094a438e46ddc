"""A home is exported whole: it passes its own check, keeps the agent's motion, and stands on z = 0."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from agent_scene import LENS, room, scan

from ats_sim.errors import ReconstructionError
from ats_sim.geometry import look_at, rigid, yaw_matrix
from ats_sim.home import Home, check_home
from ats_sim.mesh import TriangleMesh
from ats_sim.reconstruction.agent.motion import VideoMotion
from ats_sim.reconstruction.agent.templates.quadruped import STAND_HEIGHT, quadruped_template
from ats_sim.reconstruction.export.home import write_home
from ats_sim.reconstruction.export.texture import TextureOptions
from ats_sim.reconstruction.scene.scene_map import SceneMap
from ats_sim.reconstruction.scene.tsdf import TsdfVolume

FLOOR = 0.7


@pytest.fixture(scope="module")
def scene() -> SceneMap:
    volume = scan(room())
    raised = TsdfVolume(
        volume.origin + [0, 0, FLOOR], 0.05, volume.truncation, volume.distance, volume.weight, volume.color
    )
    return SceneMap.of(raised)


def cameras() -> SimpleNamespace:
    eyes = np.column_stack([np.linspace(-1, 1, 20), np.zeros(20), np.full(20, FLOOR + 1.4)])
    poses = np.stack([look_at(eye, np.array([0.5, 1.0, FLOOR])) for eye in eyes])
    video = SimpleNamespace(
        accepted=True,
        times=np.arange(20) / 10,
        T_world_camera=poses,
        registered=np.ones(20, dtype=bool),
        intrinsics=LENS,
    )
    return SimpleNamespace(videos={"v00": video})


def motion(valid: bool = True) -> VideoMotion:
    time = np.arange(20) / 10
    places = np.column_stack([0.05 * np.arange(20), np.full(20, -0.5), np.full(20, FLOOR + STAND_HEIGHT)])
    roots = rigid(np.tile(yaw_matrix(0.0), (20, 1, 1)), places)
    return VideoMotion(time, roots, np.zeros((20, 26, 3)), np.full(20, valid))


def test_home_is_complete_and_sound(tmp_path: Path, scene: SceneMap) -> None:
    skinned = quadruped_template()
    grey = np.full((len(skinned.mesh.vertices), 3), 120, np.uint8)
    skinned = type(skinned)(
        TriangleMesh(skinned.mesh.vertices, skinned.mesh.faces, grey),
        skinned.skin_joints,
        skinned.skin_weights,
        skinned.skeleton,
    )
    folder = write_home(
        tmp_path / "home",
        name="box",
        cameras=cameras(),
        scene=scene,
        skinned=skinned,
        motions={"v00": motion()},
        texture=TextureOptions(size=256),
    )
    assert check_home(folder, require_policy=False) == []
    home = Home.load(folder, require_policy=False)
    np.testing.assert_allclose(home.T_home_scene[2, 3], -FLOOR, atol=0.02)
    roots = home.perception.agent_roots
    np.testing.assert_allclose(roots[:, 2, 3], STAND_HEIGHT, atol=0.02)
    assert (home.perception.sample_sdf(roots[:, :3, 3]) > 0.05).all()
    assert len(home.animations) == 1 and len(home.animations[0].time) == 20
    np.testing.assert_allclose(home.animations[0].T_world_root, roots, atol=1e-5)
    assert len(home.scene.faces) <= 42_000 and home.scene.texture.shape == (256, 256, 3)
    assert np.abs(home.scene.vertices[:, 2].min()) < 0.1
    assert home.metrics["agent_root_in_free_space"] == 1.0


def test_a_home_without_its_agent_is_refused(tmp_path: Path, scene: SceneMap) -> None:
    with pytest.raises(ReconstructionError, match="agent was seen"):
        write_home(
            tmp_path / "home",
            name="box",
            cameras=cameras(),
            scene=scene,
            skinned=quadruped_template(),
            motions={"v00": motion(valid=False)},
        )
    assert not (tmp_path / "home").exists()
