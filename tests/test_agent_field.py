"""The neural agent field: bends against another implementation, compositing in closed form, poses found again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from agent_scene import LENS, box, film  # noqa: E402
from scipy.spatial.transform import Rotation  # noqa: E402

from ats_sim.arrays import Array  # noqa: E402
from ats_sim.errors import ConfigError, ReconstructionError  # noqa: E402
from ats_sim.geometry import look_at, rigid, yaw_matrix  # noqa: E402
from ats_sim.mesh import SkinnedMesh, TriangleMesh  # noqa: E402
from ats_sim.reconstruction.agent.field import dual_quaternions as dq  # noqa: E402
from ats_sim.reconstruction.agent.field import skinning  # noqa: E402
from ats_sim.reconstruction.agent.field.articulation import Articulation, FittedMotion  # noqa: E402
from ats_sim.reconstruction.agent.field.build import FittedVideo, build_neural_agent  # noqa: E402
from ats_sim.reconstruction.agent.field.canonical import body_volume  # noqa: E402
from ats_sim.reconstruction.agent.field.compositing import Medium, shares  # noqa: E402
from ats_sim.reconstruction.agent.field.config import AgentFieldConfig  # noqa: E402
from ats_sim.reconstruction.agent.field.rays import gather  # noqa: E402
from ats_sim.reconstruction.agent.field.sampling import around  # noqa: E402
from ats_sim.reconstruction.agent.field.scene import Surroundings  # noqa: E402
from ats_sim.reconstruction.agent.field.skinning import GaussianSkinning  # noqa: E402
from ats_sim.reconstruction.agent.field.training import AgentTraining  # noqa: E402
from ats_sim.reconstruction.agent.field.warp import Bones, Warp  # noqa: E402
from ats_sim.reconstruction.agent.shape import PosedFrames  # noqa: E402
from ats_sim.reconstruction.agent.templates.quadruped import quadruped_template  # noqa: E402
from ats_sim.reconstruction.scene.field.config import FieldConfig  # noqa: E402
from ats_sim.reconstruction.scene.field.network import SceneField  # noqa: E402
from ats_sim.reconstruction.scene.raycast import Raycaster  # noqa: E402
from ats_sim.reconstruction.scene.tsdf import TsdfVolume  # noqa: E402
from ats_sim.skeleton import dual_quaternion_skinning  # noqa: E402

FRAMES = 12
FLOOR = box([-4, -4, -0.5], [4, 4, 0.0])
SMALL = AgentFieldConfig(steps=6, frames=4, rays_per_frame=32, pixels_per_frame=200, checkpoint_every=3)


@pytest.fixture(scope="module")
def body() -> SkinnedMesh:
    """The template, its front half in another colour."""
    bare = quadruped_template(faces=900)
    front = bare.mesh.vertices[:, :1] > 0
    colors = np.where(front, np.uint8([200, 120, 40]), np.uint8([60, 60, 70])).astype(np.uint8)
    return replace(bare, mesh=TriangleMesh(bare.mesh.vertices, bare.mesh.faces, colors))


@pytest.fixture(scope="module")
def skin(body: SkinnedMesh) -> GaussianSkinning:
    """Skin weights that were learned from the template's."""
    torch.manual_seed(0)
    skin = GaussianSkinning(body.skeleton.rest_transforms[:, :3, 3])
    skin.learn(body.mesh.vertices, body.dense_weights())
    return skin


def bent(body: SkinnedMesh, count: int, seed: int = 0, size: float = 0.3) -> Array:
    """Joint rotations (count, J, 3) of some poses."""
    joints = size * np.random.default_rng(seed).normal(size=(count, body.skeleton.num_joints, 3))
    joints[:, 0] = 0.0
    return joints


def tensor(values: Array) -> torch.Tensor:
    return torch.as_tensor(np.asarray(values), dtype=torch.float32)


def test_quaternions_turn_as_those_of_scipy_do() -> None:
    rng = np.random.default_rng(0)
    first, second, points = rng.normal(size=(3, 20, 3))
    a, b = Rotation.from_rotvec(first), Rotation.from_rotvec(second)
    mine = dq.product(dq.of_rotation_vector(tensor(first)), dq.of_rotation_vector(tensor(second)))
    assert np.allclose(dq.rotated(mine, tensor(points)).numpy(), (a * b).apply(points), atol=1e-5)
    assert np.allclose(dq.matrix(mine).numpy(), (a * b).as_matrix(), atol=1e-5)
    assert np.allclose(dq.rotation_vector(mine).numpy(), (a * b).as_rotvec(), atol=1e-4)
    moved = dq.applied(dq.rigid(mine, tensor(first)), tensor(points))
    assert np.allclose(moved.numpy(), (a * b).apply(points) + first, atol=1e-5)
    back = dq.applied(dq.inverted(dq.rigid(mine, tensor(first))), moved)
    assert np.allclose(back.numpy(), points, atol=1e-5)


def test_a_bend_is_dual_quaternion_skinning(body: SkinnedMesh, skin: GaussianSkinning) -> None:
    joints, points = bent(body, 1), body.mesh.vertices[::7]
    warp = Warp.of(Bones(body.skeleton), skin, tensor(joints))
    with torch.no_grad():
        mine = warp.forward(tensor(points)[None], torch.zeros(1, dtype=torch.long))[0].numpy()
        dense = skin(tensor(points)).numpy()
    every = np.tile(np.arange(body.skeleton.num_joints), (len(points), 1))
    maps = body.skeleton.skinning_transforms(body.skeleton.forward_kinematics(np.eye(4), joints[0]))
    assert np.abs(mine - dual_quaternion_skinning(points, every, dense, maps)).max() < 1e-4


def test_what_was_bent_finds_back(body: SkinnedMesh, skin: GaussianSkinning) -> None:
    warp = Warp.of(Bones(body.skeleton), skin, tensor(bent(body, 3, seed=1, size=0.1)))
    points, pose = tensor(np.stack([body.mesh.vertices] * 3)), torch.arange(3)
    with torch.no_grad():
        rest, weights = warp.backward(warp.forward(points, pose), pose)
    away = (rest - points).norm(dim=-1)
    assert away.mean() < 0.002 and torch.quantile(away.flatten(), 0.95) < 0.003
    assert torch.allclose(weights.sum(-1), torch.ones(()))


def test_skin_takes_over_given_weights(body: SkinnedMesh, skin: GaussianSkinning) -> None:
    with torch.no_grad():
        mine = skin(tensor(body.mesh.vertices)).numpy()
    given = body.dense_weights()
    assert np.abs(mine - given).sum(1).mean() < 0.25
    assert (mine.argmax(1) == given.argmax(1)).mean() > 0.85


def test_the_nearer_medium_hides_the_farther() -> None:
    depths = torch.linspace(0.5, 3.0, 26)[None].repeat(2, 1)
    near, far = (Medium.of(at - depths, depths, 1e-3) for at in (torch.tensor([[1.02], [2.52]]), 2.02))
    ours, theirs = shares([near, far])
    assert torch.allclose(ours.sum(1), torch.tensor([1.0, 0.0]), atol=1e-4)
    assert torch.allclose(theirs.sum(1), torch.tensor([0.0, 1.0]), atol=1e-4)
    assert torch.allclose((ours * near.depth).sum(1)[:1], torch.tensor([1.02]), atol=0.01)


def test_half_open_media_dim_each_other_in_order_of_depth() -> None:
    # Stops: a third at 1 m, a half at 2 m (the other medium), a quarter at 3 m.
    first = Medium(torch.tensor([[1.0, 3.0]]), torch.tensor([[1 / 3, 1 / 4]]))
    second = Medium(torch.tensor([[2.0]]), torch.tensor([[1 / 2]]))
    one, other = shares([first, second])
    assert torch.allclose(one, torch.tensor([[1 / 3, 1 / 3 / 4]])) and torch.allclose(other, torch.tensor([[1 / 3]]))


def test_samples_rise_around_where_the_surface_is_expected() -> None:
    guide = torch.tensor([0.2, 1.0, 3.0])
    depths, before = around(guide, 0.05, 6, 3, torch.Generator().manual_seed(0))
    assert (depths.diff(dim=1) >= 0).all() and (depths > 0).all()
    near = depths[1:, ~before] - guide[1:, None]
    assert (near.abs() <= 0.05 + 1e-6).all() and (depths[:, before] <= guide[:, None] - 0.05 + 1e-6).all()


def track(count: int = 9) -> FittedMotion:
    """Two videos of something that goes straight on at a constant pace, and bends one joint evenly."""
    time = np.concatenate([np.arange(count) / 10, np.arange(count) / 10])
    roots = rigid(np.eye(3), np.stack([0.5 * time, 0 * time, 0 * time + 0.3], -1))
    joints = np.zeros((len(time), 4, 3))
    joints[:, 2, 1] = 0.4 * time
    return FittedMotion(np.repeat([0, 1], count), time, roots, joints)


def test_articulation_begins_as_it_was_fitted() -> None:
    motion = track()
    roots, joints = Articulation(motion).poses()
    assert np.allclose(roots, motion.T_world_root, atol=1e-6)
    assert np.allclose(joints, motion.joint_rotations, atol=1e-6)


def test_unrest_is_what_it_says() -> None:
    articulation = Articulation(track())
    inner = torch.arange(1, 8)
    _, turning, jerking = articulation.unrest(inner)
    assert torch.allclose(turning, torch.tensor(0.04**2), atol=1e-6) and jerking < 1e-9
    _, at_seam, _ = articulation.unrest(torch.tensor([0, 8, 9]))  # the first video's ends do not pull on the second
    assert at_seam < 1e-9


@pytest.fixture(scope="module")
def filmed(body: SkinnedMesh) -> dict:
    """It walks by, legs swinging, seen by a camera that goes along."""
    time = np.arange(FRAMES) / 10
    height = -float(body.mesh.vertices[:, 2].min())
    places = np.stack([0.5 * time, 0.1 * time, np.full(FRAMES, height)], -1)
    roots = rigid(yaw_matrix(np.full(FRAMES, 0.2)), places)
    joints = np.zeros((FRAMES, body.skeleton.num_joints, 3))
    for name, phase in (("left_upper_arm", 0), ("right_upper_arm", np.pi), ("left_thigh", np.pi), ("right_thigh", 0)):
        joints[:, body.skeleton.joint_names.index(name), 1] = 0.3 * np.sin(8 * time + phase)
    movers = [
        TriangleMesh(body.posed(r, j), body.mesh.faces, body.mesh.colors) for r, j in zip(roots, joints, strict=True)
    ]
    cameras = np.stack([look_at(r[:3, 3] + [0.4, -1.3, 0.6], r[:3, 3]) for r in roots])
    video = film("v", FLOOR, movers, cameras, time, np.random.default_rng(0), LENS)
    low, high = np.array([-2.0, -2.0, -0.2]), np.array([3.0, 3.0, 0.6])
    volume = TsdfVolume.empty(low, high, 0.05)
    heights = low[2] + 0.05 * np.arange(volume.shape[2])
    volume.distance[:] = np.clip(heights, -volume.truncation, volume.truncation)
    volume.weight[:], volume.color[:] = 1.0, (150, 140, 130)
    return {"roots": roots, "joints": joints, "video": video, "cameras": cameras, "volume": volume}


def fitted(filmed: dict, roots: Array, joints: Array) -> FittedVideo:
    """A fit of the film; the fourth frame is held out."""
    seen = np.arange(FRAMES) != 3
    video = filmed["video"]
    shown = PosedFrames(
        video, np.flatnonzero(seen), dict(enumerate(video.masks)), filmed["cameras"], roots[seen], joints[seen]
    )
    return FittedVideo(video.times, seen, roots, joints, shown)


def training(filmed: dict, body: SkinnedMesh, config: AgentFieldConfig, off: float = 0.0) -> AgentTraining:
    """A training that begins at the truth, or with all roots `off` metres to the side."""
    roots = filmed["roots"].copy()
    roots[:, 1, 3] += off
    one = fitted(filmed, roots, filmed["joints"])
    motion = FittedMotion(np.zeros(FRAMES, np.int64), one.time, one.T_world_root, one.joint_rotations)
    caster = Raycaster(FLOOR)
    rays = gather(body, [one.shown], [np.flatnonzero(one.seen)], FRAMES, caster, per_frame=200, seed=0)
    return AgentTraining(body, motion, rays, Surroundings(filmed["volume"]), config)


def test_rays_are_drawn_on_and_beside_the_agent_of_seen_frames(filmed: dict, body: SkinnedMesh) -> None:
    rays = training(filmed, body, SMALL).rays
    assert rays.count[3] == 0 and (rays.count[:3] == 200).all()
    on, known = rays.on[0] > 0, rays.depth[0] > 0
    assert 0.6 < on.float().mean() < 0.8
    assert (rays.guide[0] - rays.depth[0])[on & known].abs().max() < 1e-6
    assert (rays.guide[0] - rays.guide[0][on].median()).abs().max() < 0.5  # beside it: where its body is, not the floor
    assert (rays.scene[0][~on & known] - rays.depth[0][~on & known]).abs().median() < 0.02


def test_the_truth_renders_to_what_the_pictures_show(filmed: dict, body: SkinnedMesh) -> None:
    true, wrong = (training(filmed, body, SMALL, off).losses() for off in (0.0, 0.05))
    assert true["anchor"] == 0.0 and true["color"] < 0.05
    for name in ("depth", "mask", "sdf", "color"):
        assert true[name] < 0.75 * wrong[name], name


def test_poses_are_found_through_rendering(filmed: dict, body: SkinnedMesh) -> None:
    rng = np.random.default_rng(4)
    off = filmed["roots"].copy()
    off[:, :3, 3] += [0.02, -0.015, 0.01]
    joints = filmed["joints"] + 0.12 * rng.normal(size=filmed["joints"].shape) * [0.2, 1.0, 0.2]
    joints[:, 0] = 0.0
    config = AgentFieldConfig(steps=150, frames=6, rays_per_frame=48, pixels_per_frame=400, rate_motion=2e-3)
    neural = build_neural_agent(
        body, [fitted(filmed, off, joints)], Surroundings(filmed["volume"]), Raycaster(FLOOR), config
    )
    roots, turned = neural.motions[0]

    def away(skinned: SkinnedMesh, root: Array, bends: Array) -> float:
        mine = np.stack([skinned.skeleton.forward_kinematics(r, j) for r, j in zip(root, bends, strict=True)])
        true = [body.skeleton.forward_kinematics(r, j) for r, j in zip(filmed["roots"], filmed["joints"], strict=True)]
        return float(np.linalg.norm(mine[..., :3, 3] - np.stack(true)[..., :3, 3], axis=-1).mean())

    before, after = away(body, off, joints), away(neural.skinned, roots, turned)
    assert after < 0.6 * before
    held_out = np.linalg.norm(roots[3, :3, 3] - filmed["roots"][3, :3, 3])
    assert held_out < 0.6 * np.linalg.norm([0.02, -0.015, 0.01])  # nobody saw it: the network of time speaks for it
    vertices = neural.skinned.mesh.vertices
    assert np.abs(np.ptp(vertices, axis=0) - np.ptp(body.mesh.vertices, axis=0)).max() < 0.03
    head = neural.skinned.mesh.colors[vertices[:, 0] > 0.1].mean(0)
    assert np.abs(head - [200, 120, 40]).max() < 40


def test_training_goes_on_from_a_checkpoint_to_the_bit(
    filmed: dict, body: SkinnedMesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(skinning, "LEARNING_STEPS", 10)
    whole, first, second = (training(filmed, body, SMALL) for _ in range(3))
    whole.run(quiet=True)

    class Stopped(Exception):
        pass

    def stops(after: int) -> Iterator[None]:
        yield from (None for _ in range(after))
        raise Stopped

    counter, advance = stops(4), first.advance
    first.advance = lambda: (next(counter), advance())[1]  # type: ignore[method-assign]
    with pytest.raises(Stopped):
        first.run(tmp_path / "c.safetensors", quiet=True)
    second.run(tmp_path / "c.safetensors", quiet=True)
    for name, value in whole.field.state_dict().items():
        assert torch.equal(value, second.field.state_dict()[name]), name


def test_the_volume_of_a_body_is_its_distance(body: SkinnedMesh) -> None:
    volume = body_volume(body, 0.01)
    at_surface, _, _ = volume.sample(body.mesh.vertices.astype(np.float64))
    assert np.abs(at_surface).mean() < 0.003
    middle, _, _ = volume.sample(np.array([[0.0, 0.0, -0.01], [0.0, 0.0, 0.09]]))
    assert middle[0] < -0.02 and middle[1] > 0.02


def test_the_scene_is_the_same_fused_or_as_a_field_that_was_not_trained(filmed: dict) -> None:
    volume = filmed["volume"]
    neural = SceneField.from_volume(volume, 1, 0, FieldConfig(relief=0.0, plane_cell=0.2, plane_channels=2))
    points = tensor(np.random.default_rng(0).uniform([-1.5, -1.5, -0.1], [2.5, 2.5, 0.5], (50, 3)))
    fused, learned = Surroundings(volume), Surroundings(volume, neural)
    assert torch.allclose(fused.distance(points), learned.distance(points))
    low = points[points[:, 2] < 0.1]  # the floor's distance is a height, below where it is cut off
    assert torch.allclose(fused.distance(low), low[:, 2], atol=1e-3)
    assert torch.allclose(fused.color(points), learned.color(points), atol=1e-3)


def test_nonsense_is_refused(filmed: dict, body: SkinnedMesh) -> None:
    with pytest.raises(ConfigError, match="voxel_size"):
        AgentFieldConfig(voxel_size=1.0)
    one = fitted(filmed, filmed["roots"], filmed["joints"])
    nothing = replace(one.shown, masks={k: np.zeros_like(mask) for k, mask in one.shown.masks.items()})
    with pytest.raises(ReconstructionError, match="nothing to learn"):
        gather(body, [nothing], [np.flatnonzero(one.seen)], FRAMES, Raycaster(FLOOR), per_frame=50, seed=0)
