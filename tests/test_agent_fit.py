"""A rendered animal with a known pose is found again: root, heading, joints; by a template that is another animal."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from agent_scene import LENS, box, film  # noqa: E402

from ats_sim.geometry import look_at, rigid, yaw_matrix  # noqa: E402
from ats_sim.mesh import SkinnedMesh, TriangleMesh  # noqa: E402
from ats_sim.reconstruction.agent.body import TorchBody, shaped  # noqa: E402
from ats_sim.reconstruction.agent.fit import fit, frames_of, result, start_poses  # noqa: E402
from ats_sim.reconstruction.agent.observations import Sightings, gather, held_out  # noqa: E402
from ats_sim.reconstruction.agent.root_track import best_scale, flips, track_root, yaw_of  # noqa: E402
from ats_sim.reconstruction.agent.shape import PosedFrames, colored  # noqa: E402
from ats_sim.reconstruction.agent.template import Shape, neutral_shape  # noqa: E402
from ats_sim.reconstruction.agent.templates.quadruped import quadruped, quadruped_template  # noqa: E402

FRAMES = 22
SCALE = 1.2


def animal() -> SkinnedMesh:
    """The template, larger, with longer legs and a smaller head, in two colours."""
    body = TorchBody(quadruped_template(faces=900))
    names = body.template.skeleton.joint_names
    scales = np.full(len(names), np.log(SCALE))
    for joint, name in enumerate(names):
        if any(part in name for part in ("thigh", "shank", "arm", "hock")):
            scales[joint] += 0.12
        if name == "head":
            scales[joint] -= 0.12
    skinned = shaped(body, Shape(scales, np.zeros(len(names)), np.zeros(len(body.template.mesh.vertices))))
    front = skinned.mesh.vertices[:, :1] > 0
    colors = np.where(front, np.uint8([200, 120, 40]), np.uint8([60, 60, 70])).astype(np.uint8)
    mesh = TriangleMesh(skinned.mesh.vertices, skinned.mesh.faces, colors)
    return SkinnedMesh(mesh, skinned.skin_joints, skinned.skin_weights, skinned.skeleton)


def motion(skinned: SkinnedMesh) -> tuple[np.ndarray, np.ndarray]:
    """It walks along a bend, legs swinging, and stands still at the end."""
    names = skinned.skeleton.joint_names
    time = np.minimum(np.arange(FRAMES) / 10, 1.6)
    yaw = 0.6 * time + 0.3
    step = 0.5 * np.diff(time, prepend=0)
    xy = np.stack([np.cumsum(step * np.cos(yaw)), np.cumsum(step * np.sin(yaw))], -1)
    height = -skinned.mesh.vertices[:, 2].min()
    roots = rigid(yaw_matrix(yaw), np.column_stack([xy, np.full(FRAMES, height)]))
    joints = np.zeros((FRAMES, len(names), 3))
    for name, phase in (("left_upper_arm", 0), ("right_upper_arm", np.pi), ("left_thigh", np.pi), ("right_thigh", 0)):
        joints[:, names.index(name), 1] = 0.35 * np.sin(8 * time + phase)
    joints[:, names.index("tail1"), 2] = 0.4 * np.sin(3 * time)
    joints[:, names.index("head"), 2] = 0.3
    return roots, joints


@pytest.fixture(scope="module")
def scene() -> dict:
    skinned = animal()
    roots, joints = motion(skinned)
    movers = [
        TriangleMesh(skinned.posed(r, j), skinned.mesh.faces, skinned.mesh.colors)
        for r, j in zip(roots, joints, strict=True)
    ]
    eyes = [r[:3, 3] + [1.3 * np.cos(0.1 * k), -1.5, 0.9] for k, r in enumerate(roots)]
    cameras = np.stack([look_at(e, r[:3, 3]) for e, r in zip(eyes, roots, strict=True)])
    floor = box([-4, -4, -0.5], [4, 4, 0.0])
    video = film("v", floor, movers, cameras, np.arange(FRAMES) / 10, np.random.default_rng(0), LENS)
    frames = np.arange(FRAMES)
    masks = dict(enumerate(video.masks))
    sightings = gather(video, frames, masks, cameras, np.random.default_rng(1))  # type: ignore[arg-type]
    return {"skinned": skinned, "roots": roots, "joints": joints, "video": video, "masks": masks, "seen": sightings}


def test_size_and_heading_are_found_before_any_joint(scene: dict) -> None:
    template = quadruped_template()
    sightings: Sightings = scene["seen"]
    scale = best_scale([sightings], template, np.random.default_rng(0), quadruped().sizes)
    assert SCALE * 0.78 < scale < SCALE * 1.25
    track = track_root(sightings, template, scale)
    turn = np.abs((yaw_of(track.T_world_root) - yaw_of(scene["roots"]) + np.pi) % (2 * np.pi) - np.pi)
    assert np.degrees(turn.max()) < 25 and np.degrees(np.median(turn)) < 12
    assert np.linalg.norm(track.T_world_root[:, :3, 3] - scene["roots"][:, :3, 3], axis=1).mean() < 0.06
    assert not len(flips(yaw_of(track.T_world_root), sightings.time))


def test_held_out_frames_carry_no_evidence(scene: dict) -> None:
    seen = scene["seen"]
    assert not seen.seen[held_out(seen.frames)].any() and seen.seen[~held_out(seen.frames)].all()
    assert not seen.points[9].any()


def test_fit_recovers_joints_and_look(scene: dict) -> None:
    template = quadruped_template()
    sightings: Sightings = scene["seen"]
    track = track_root(sightings, template, SCALE)
    frames = frames_of([(sightings, slice(None))], np.zeros(FRAMES), "cpu")
    poses = start_poses(track.T_world_root, np.zeros((FRAMES, 26, 3)), "cpu")
    body = TorchBody(template)
    poses, shape, residual = fit(body, frames, poses, neutral_shape(template, SCALE), iterations=150, free_shape=True)
    roots, joints = result(poses)
    skinned = shaped(body, shape)
    mine = skinned.skeleton.forward_kinematics(roots, joints)[:, 1:, :3, 3]
    true = scene["skinned"].skeleton.forward_kinematics(scene["roots"], scene["joints"])[:, 1:, :3, 3]
    error = np.linalg.norm(mine - true, axis=-1)
    assert residual < 0.012
    assert np.linalg.norm(roots[:, :3, 3] - scene["roots"][:, :3, 3], axis=1).mean() < 0.04
    assert error.mean() < 0.045
    assert error[held_out(sightings.frames)].mean() < 0.06  # interpolated there
    painted = colored(skinned, [_posed(scene, roots, joints)])
    head = painted.mesh.colors[painted.mesh.vertices[:, 0] > 0.12].mean(0)
    rump = painted.mesh.colors[painted.mesh.vertices[:, 0] < -0.12].mean(0)
    assert np.abs(head - [200, 120, 40]).max() < 40 and np.abs(rump - [60, 60, 70]).max() < 40


def _posed(scene: dict, roots: np.ndarray, joints: np.ndarray) -> PosedFrames:
    seen: Sightings = scene["seen"]
    on = seen.seen
    return PosedFrames(
        scene["video"], seen.frames[on], scene["masks"], scene["video"].T_world_camera, roots[on], joints[on]
    )


def test_torch_body_equals_the_plain_skinning_of_its_export() -> None:
    rng = np.random.default_rng(4)
    body = TorchBody(quadruped_template(faces=600))
    count, joints = len(body.template.mesh.vertices), body.template.skeleton.num_joints
    shape = Shape(rng.normal(0, 0.1, joints), rng.normal(0, 0.1, joints), rng.normal(0, 0.002, count))
    pose = rng.normal(0, 0.4, (1, joints, 3))
    root = rigid(yaw_matrix(0.7), np.array([1.0, -2.0, 0.3]))
    poses = start_poses(root[None], pose, "cpu")
    tensors = [torch.as_tensor(v, dtype=torch.float32) for v in (shape.log_scales, shape.log_girths, shape.offsets)]
    posed, _ = body.pose(body.rest(*tensors), poses.place, poses.root_rotations(), poses.joints)
    np.testing.assert_allclose(posed[0].numpy(), shaped(body, shape).posed(root, pose[0]), atol=1e-4)


@pytest.mark.slow
def test_a_fox_in_a_real_flat(shared_data: Path, tmp_path: Path) -> None:
    from ats_sim.reconstruction.agent.reconstruct import reconstruct_agent
    from ats_sim.reconstruction.capture.format import Capture
    from ats_sim.reconstruction.config import ReconstructConfig
    from ats_sim.reconstruction.registration.cameras import Cameras, RegisteredVideo
    from ats_sim.reconstruction.scene.fusion import PosedFrames as Fused
    from ats_sim.reconstruction.scene.fusion import empty_volume, fuse
    from ats_sim.reconstruction.scene.scene_map import SceneMap

    capture = Capture.open(shared_data / "rooms-fox")
    walk = capture.walkthrough
    assert walk is not None and walk.T_world_camera is not None
    part = Fused(walk, np.arange(len(walk)), walk.T_world_camera).thinned(60)
    volume = empty_volume([part], 0.05)
    fuse(volume, part, use_masks=False)
    video = capture.video("v01")
    truth = video.ground_truth
    assert truth is not None
    every = np.ones(len(video), dtype=bool)
    cameras = Cameras(
        {
            "v01": RegisteredVideo(
                True, "", video.intrinsics, video.times, truth["T_world_camera"], every + 0.0, every, {}
            )
        }
    )
    config = ReconstructConfig(preset="fast")
    agent = reconstruct_agent(capture, cameras, SceneMap.of(volume), config, tmp_path)
    motion = agent.motions["v01"]
    true = truth["motion_T_world_root"][: len(motion.time)]
    turn = np.abs((yaw_of(motion.T_world_root) - yaw_of(true) + np.pi) % (2 * np.pi) - np.pi)[motion.valid]
    away = np.linalg.norm(motion.T_world_root[:, :3, 3] - true[:, :3, 3], axis=1)[motion.valid]
    assert motion.valid.mean() > 0.9 and np.degrees(np.median(turn)) < 6 and away.mean() < 0.1
    assert all((tmp_path / name).is_file() for name in ("motion.npz", "agent.glb", "agent_skeleton.json"))
