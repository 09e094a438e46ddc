"""A person with other proportions than the template's walks through a room and is found again; a home takes them in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ats_sim.arrays import Array  # noqa: E402
from ats_sim.footing import foot_joints, footing_of  # noqa: E402
from ats_sim.geometry import Intrinsics, heading  # noqa: E402
from ats_sim.mesh import SkinnedMesh  # noqa: E402
from ats_sim.reconstruction.agent.body import TorchBody, shaped  # noqa: E402
from ats_sim.reconstruction.agent.reconstruct import AgentReconstruction, reconstruct_agent, support_heights  # noqa: E402
from ats_sim.reconstruction.agent.template import Shape  # noqa: E402
from ats_sim.reconstruction.agent.templates.human import (  # noqa: E402
    STAND_HEIGHT,
    STATURE,
    human,
    human_skeleton,
    human_template,
)
from ats_sim.reconstruction.scene.raycast import Raycaster  # noqa: E402
from ats_sim.rendering.cameras import head_joint  # noqa: E402
from ats_sim.skeleton import Skeleton  # noqa: E402
from tests.agent_scene import box  # noqa: E402
from tests.body_scene import Walk, bend, cameras_of, config, following, home_of, lived_in, scene, write  # noqa: E402

FRAMES = 28
LENS = Intrinsics.from_fov(1.05, 240, 180)
ARMS, LEGS = ("upper_arm", "forearm"), ("thigh", "shank")


def test_the_tree_is_a_root_and_eighteen_joints_in_pairs() -> None:
    skeleton = human_skeleton()
    assert skeleton.num_joints == 1 + 18
    mirror, places = skeleton.mirror(), skeleton.rest_transforms[:, :3, 3]
    assert (mirror[mirror] == np.arange(19)).all() and (mirror != np.arange(19)).sum() == 14
    np.testing.assert_allclose(places[mirror], places * [1, -1, 1], atol=1e-12)
    np.testing.assert_array_equal(skeleton.rest_transforms[:, :3, :3], np.tile(np.eye(3), (19, 1, 1)))
    assert [skeleton.joint_names[foot] for foot in foot_joints(skeleton)] == ["left_foot", "right_foot"]
    assert skeleton.joint_names[head_joint(skeleton)] == "head"


@pytest.mark.parametrize(
    ("joint", "share"),
    [("left_forearm", 0.186), ("right_hand", 0.146), ("left_shank", 0.245), ("right_foot", 0.246)],
)
def test_bones_are_as_long_as_drillis_and_contini_measured(joint: str, share: float) -> None:
    assert length(human_skeleton(), joint) == pytest.approx(share * STATURE, abs=1e-9)


def test_joints_are_as_high_as_drillis_and_contini_measured() -> None:
    skeleton = human_skeleton()
    heights = STAND_HEIGHT + skeleton.rest_transforms[:, 2, 3]
    for name, share in (("left_foot", 0.039), ("left_shank", 0.285), ("left_thigh", 0.530), ("left_upper_arm", 0.818)):
        assert heights[skeleton.joint_names.index(name)] == pytest.approx(share * STATURE, abs=1e-9)
    shoulders = skeleton.rest_transforms[skeleton.joint_names.index("left_upper_arm"), 1, 3]
    assert 2 * shoulders == pytest.approx(0.259 * STATURE, rel=0.01)


def test_the_body_stands_on_the_ground_and_weighs_what_people_weigh() -> None:
    trimesh = pytest.importorskip("trimesh")
    mesh = human_template().mesh
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces)
    assert solid.is_watertight and solid.body_count == 1
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    assert high[2] - low[2] == pytest.approx(STATURE, abs=0.01)
    assert low[2] == pytest.approx(-STAND_HEIGHT, abs=0.005)
    # People have about the density of water; a body mass index of 18.5 to 25 is normal.
    assert 18.5 < 1000 * solid.volume / STATURE**2 < 25.0
    foot = mesh.vertices[mesh.vertices[:, 2] < -STAND_HEIGHT + 0.05]
    assert np.ptp(foot[:, 0]) == pytest.approx(0.152 * STATURE, abs=0.02) and foot[:, 0].max() > -foot[:, 0].min()


def test_knees_and_elbows_bend_the_way_they_do() -> None:
    template = human()
    skeleton, names = template.mesh.skeleton, template.mesh.skeleton.joint_names
    bent = 0.8 * np.array([[0.0, way, 0.0] for way in template.joints.one_way])
    moved = skeleton.forward_kinematics(np.eye(4), bent)[:, :3, 3] - skeleton.rest_transforms[:, :3, 3]
    for side in ("left", "right"):
        assert moved[names.index(f"{side}_foot"), 0] < -0.1  # heels go back
        assert moved[names.index(f"{side}_hand"), 0] > 0.1  # hands go forward
    assert (template.joints.one_way != 0).sum() == 4


def test_who_sits_has_the_feet_on_the_floor() -> None:
    caster = Raycaster(box([-2, -2, -0.2], [2, 2, 0.0]))
    chair = Raycaster(box([-0.3, -0.3, 0.0], [0.3, 0.3, 0.45]))
    sitting, standing_on_it = np.array([[0.0, 0.0, 0.62]]), np.array([[0.0, 0.0, 0.45 + STAND_HEIGHT]])
    seat = human().seat
    assert support_heights(sitting, chair, 0.0, seat)[0] == pytest.approx(0.0, abs=1e-6)
    assert support_heights(sitting, chair, 0.0)[0] == pytest.approx(0.45)  # an animal lies there
    assert support_heights(standing_on_it, chair, 0.0, seat)[0] == pytest.approx(0.45)
    assert support_heights(standing_on_it, caster, 0.0, seat)[0] == pytest.approx(0.0, abs=1e-6)


def length(skeleton: Skeleton, joint: str) -> float:
    """Metres from a joint to its parent."""
    return float(np.linalg.norm(skeleton.joint_rest[skeleton.joint_names.index(joint), :3, 3]))


def person() -> SkinnedMesh:
    """The template with arms 12 % longer and legs 8 % shorter."""
    body = TorchBody(human_template())
    names = body.template.skeleton.joint_names
    scales = np.zeros(len(names))
    for joint, name in enumerate(names):
        scales[joint] = np.log(1.12 if name.endswith(ARMS) else 0.92 if name.endswith(LEGS) else 1.0)
    return shaped(body, Shape(scales, np.zeros(len(names)), np.zeros(len(body.template.mesh.vertices))))


def gait(names: tuple[str, ...], frames: int) -> Array:
    """(frames, J, 3): legs and arms swing against each other, knees and elbows bend, the head looks about."""
    joints = np.zeros((frames, len(names), 3))
    phase = 2 * np.pi * 0.9 * np.arange(frames) / 10
    for side, shift in (("left", 0.0), ("right", np.pi)):
        joints[:, names.index(f"{side}_thigh"), 1] = -0.4 * np.sin(phase + shift)
        joints[:, names.index(f"{side}_shank"), 1] = 0.35 + 0.3 * np.sin(phase + shift - 1.2)
        joints[:, names.index(f"{side}_upper_arm"), 1] = 0.4 * np.sin(phase + shift)
        joints[:, names.index(f"{side}_forearm"), 1] = -0.35 + 0.2 * np.sin(phase + shift)
    joints[:, names.index("head"), 2] = 0.3 * np.sin(phase / 3)
    joints[:, names.index("spine2"), 2] = 0.1 * np.sin(phase)
    return joints


@dataclass(frozen=True, eq=False)
class Found:
    """A walk and what came of it."""

    walk: Walk
    agent: AgentReconstruction


def filmed(folder: Path, frames: int, turn: float, *, masks: bool = True, **changes: object) -> Found:
    """Somebody walks round a bend, is filmed and reconstructed."""
    skinned = person()
    joints, roots = gait(skinned.skeleton.joint_names, frames), bend(frames, 1.0, turn, 0.0)
    lowest = [skinned.posed(root, pose)[:, 2].min() for root, pose in zip(roots, joints, strict=True)]
    roots[:, 2, 3] = -np.array(lowest)
    walk = Walk(skinned, roots, joints, following(roots, 1.3, (-2.3, -1.8), (-1.8, 1.2)))
    capture, settings = (
        write(folder / "capture", walk, LENS, masks=masks),
        replace(config(agent_body="human"), **changes),
    )
    return Found(walk, reconstruct_agent(capture, cameras_of(walk, LENS), scene(), settings, folder / "recon"))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return filmed(tmp_path_factory.mktemp("human"), FRAMES, 0.6)


def errors(found: Found) -> tuple[Array, Array, Array]:
    """Metres (N,) of the root, degrees (N,) of its heading, metres (N, J - 1) of the joints."""
    motion, skeleton = found.agent.motions["v00"], found.agent.skinned.skeleton
    true = found.walk.T_world_root[: len(motion.time)]
    turn = heading(motion.T_world_root[:, :3, :3]) - heading(true[:, :3, :3])
    mine = skeleton.forward_kinematics(motion.T_world_root, motion.joint_rotations)[:, 1:, :3, 3]
    return (
        np.linalg.norm(motion.T_world_root[:, :3, 3] - true[:, :3, 3], axis=1),
        np.degrees(np.abs((turn + np.pi) % (2 * np.pi) - np.pi)),
        np.linalg.norm(mine - found.walk.joints()[: len(mine), 1:], axis=-1),
    )


def test_a_walking_person_is_found_again(found: Found) -> None:
    assert found.agent.motions["v00"].valid.all() and found.agent.metrics["agent_fit_residual_m"] < 0.01
    root, turn, joints = errors(found)
    # So few steps of the fit leave the pelvis turning a little with the legs.
    assert root.mean() < 0.03 and turn.mean() < 12
    assert joints.mean() < 0.045 and joints.mean(0).max() < 0.12


@pytest.mark.slow
def test_a_person_is_told_from_behind_and_from_before(tmp_path: Path) -> None:
    once_around = filmed(tmp_path, 90, 0.7, preset="default")
    valid = once_around.agent.motions["v00"].valid
    root, turn, joints = (values[valid] for values in errors(once_around))
    assert valid.mean() > 0.95 and root.mean() < 0.025 and joints.mean() < 0.035
    assert turn.mean() < 8 and turn.max() < 25


@pytest.mark.slow
def test_a_person_is_found_without_masks(tmp_path: Path) -> None:
    unmasked = filmed(tmp_path, 40, 0.6, masks=False)
    valid = unmasked.agent.motions["v00"].valid
    root, _, joints = (values[valid] for values in errors(unmasked))
    assert valid.mean() > 0.9 and root.mean() < 0.04 and joints.mean() < 0.06


def reach(skinned: SkinnedMesh) -> float:
    """Metres from the left shoulder to the fingertips at rest, where arms are straight."""
    strongest = np.take_along_axis(skinned.skin_joints, skinned.skin_weights.argmax(1)[:, None], axis=1)[:, 0]
    names, places = skinned.skeleton.joint_names, skinned.skeleton.rest_transforms[:, :3, 3]
    hand = skinned.mesh.vertices[strongest == names.index("left_hand")]
    return float(np.linalg.norm(hand - places[names.index("left_upper_arm")], axis=1).max())


def test_long_arms_and_short_legs_are_learned(found: Found) -> None:
    mine, true, usual = found.agent.skinned, found.walk.skinned, human_template()

    def leg(skinned: SkinnedMesh) -> float:
        return length(skinned.skeleton, "left_shank") + length(skinned.skeleton, "left_foot")

    assert abs(leg(mine) / leg(true) - 1) < 0.03 < leg(usual) / leg(true) - 1
    # Where the wrist is in a smooth arm nothing tells, but how far it reaches.
    assert abs(reach(mine) / reach(true) - 1) < 0.05 < 1 - reach(usual) / reach(true)


def test_the_person_lives_in_the_home(found: Found, tmp_path: Path) -> None:
    home = home_of(tmp_path / "home", found.walk, found.agent)
    assert home.skeleton.joint_names == human_skeleton().joint_names
    footing = footing_of(home)
    assert footing.legs is None and 0.05 < footing.sole < 0.15
    places = lived_in(home, "kinematic")
    assert np.ptp(places[:, 2]) < 0.1 and 0.7 < places[:, 2].mean() < 1.1
    assert np.linalg.norm(places[-1, :2] - places[0, :2]) > 0.3
