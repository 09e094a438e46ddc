"""The outline of an animal that is no template: fused from frames with known poses, it comes nearer to the true one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, exp_so3, look_at, rigid, yaw_matrix
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.reconstruction.agent.fusion import fused_body
from ats_sim.reconstruction.agent.observations import Sightings, gather
from ats_sim.reconstruction.agent.shape import PosedFrames
from ats_sim.reconstruction.agent.telling_windows import WINDOW, telling_windows
from ats_sim.reconstruction.agent.templates.quadruped import quadruped_limbs, quadruped_skeleton, quadruped_template
from ats_sim.reconstruction.limbs import Limb, limb_mesh
from tests.agent_scene import FakeVideo, box, film

FRAMES = 40
LENS = Intrinsics.from_fov(0.8, 192, 144)


def eared() -> SkinnedMesh:
    """The template's skeleton in a body with long ears and a thick tail."""
    limbs = []
    for limb in quadruped_limbs():
        if limb.joint == "head" and abs(limb.start[1]) > 0.01:
            side = np.sign(limb.start[1])
            limb = Limb("head", limb.start, (-0.012, 0.034 * side, 0.115), 0.016, 0.010)
        if limb.joint.startswith("tail"):
            limb = replace(limb, radius_start=limb.radius_start + 0.010, radius_end=limb.radius_end + 0.010)
        limbs.append(limb)
    return limb_mesh(quadruped_skeleton(), limbs, voxel=0.008, blend=0.014, faces=3000)


def walk(skinned: SkinnedMesh) -> tuple[Array, Array]:
    """It turns on the spot while legs, tail and head swing."""
    names, phase = skinned.skeleton.joint_names, np.arange(FRAMES) / 4.0
    height = -skinned.mesh.vertices[:, 2].min()
    roots = rigid(yaw_matrix(0.2 * phase), np.tile([0.0, 0.0, height], (FRAMES, 1)))
    joints = np.zeros((FRAMES, len(names), 3))
    for name, axis, size, shift in (
        ("left_upper_arm", 1, 0.35, 0.0), ("right_upper_arm", 1, 0.35, 3.1), ("left_thigh", 1, 0.3, 3.1),
        ("right_thigh", 1, 0.3, 0.0), ("tail1", 2, 0.4, 0.0), ("head", 2, 0.4, 1.0),
    ):  # fmt: skip
        joints[:, names.index(name), axis] = size * np.sin(phase + shift)
    return roots, joints


def filmed(skinned: SkinnedMesh, roots: Array, joints: Array) -> FakeVideo:
    """Seen from all around, a little from above."""
    movers = [TriangleMesh(skinned.posed(r, j), skinned.mesh.faces) for r, j in zip(roots, joints, strict=True)]
    around = 2 * np.pi * np.arange(FRAMES) / FRAMES
    eyes = np.stack([1.4 * np.cos(around), 1.4 * np.sin(around), np.full(FRAMES, 0.75)], axis=-1)
    cameras = np.stack([look_at(eye, root[:3, 3]) for eye, root in zip(eyes, roots, strict=True)])
    floor = box([-4, -4, -0.5], [4, 4, 0.0])
    return film("v", floor, movers, cameras, np.arange(FRAMES) / 10, np.random.default_rng(0), LENS)


@pytest.fixture(scope="module")
def scene() -> tuple[SkinnedMesh, PosedFrames]:
    true = eared()
    roots, joints = walk(true)
    video = filmed(true, roots, joints)
    masks = dict(enumerate(video.masks))
    return true, PosedFrames(video, np.arange(FRAMES), masks, video.T_world_camera, roots, joints)


def points_of(mesh: TriangleMesh, count: int) -> Array:
    """Points spread evenly over a surface."""
    rng, area = np.random.default_rng(1), np.linalg.norm(mesh.face_normals(), axis=1)
    face = rng.choice(len(area), count, p=area / area.sum())
    return np.einsum("sk,skc->sc", rng.dirichlet([1.0] * 3, count), mesh.vertices[mesh.faces[face]])


def apart(first: TriangleMesh, second: TriangleMesh) -> tuple[float, float]:
    """Mean distances from the first surface to the second and back, metres."""
    a, b = points_of(first, 60000), points_of(second, 60000)
    return float(cKDTree(b).query(a[:3000])[0].mean()), float(cKDTree(a).query(b[:3000])[0].mean())


def tips(true: SkinnedMesh, found: TriangleMesh) -> dict[str, float]:
    """How far the true ear tips and paws lie from a surface, metres."""
    vertices, tree = true.mesh.vertices, cKDTree(points_of(found, 60000))
    left, rest = vertices[vertices[:, 1] > 0], {}
    rest["ear"] = left[np.argmax(left[:, 2])]
    for name, side in (("front", left[:, 0] > 0.05), ("hind", left[:, 0] < -0.05)):
        legs = left[side]
        rest[name] = legs[np.argmin(legs[:, 2])]
    return {name: float(tree.query(place)[0]) for name, place in rest.items()}


def test_ears_and_tail_come_out_as_they_are(scene: tuple[SkinnedMesh, PosedFrames]) -> None:
    true, part = scene
    template = quadruped_template()
    fused = fused_body(template, [part])
    assert max(apart(fused.mesh, true.mesh)) < 0.7 * max(apart(template.mesh, true.mesh))
    before, after = tips(true, template.mesh), tips(true, fused.mesh)
    assert before["ear"] > 0.06 and after["ear"] < 0.03
    assert after["front"] < 0.005 and after["hind"] < 0.005


def test_it_is_one_watertight_symmetric_body_on_the_same_bones(scene: tuple[SkinnedMesh, PosedFrames]) -> None:
    trimesh = pytest.importorskip("trimesh")
    fused = fused_body(quadruped_template(), [scene[1]])
    solid = trimesh.Trimesh(fused.mesh.vertices, fused.mesh.faces)
    assert solid.is_watertight and solid.body_count == 1 and solid.volume > 0  # faces look outwards
    assert apart(TriangleMesh(fused.mesh.vertices * [1, -1, 1], fused.mesh.faces), fused.mesh)[0] < 0.004
    np.testing.assert_array_equal(fused.skeleton.joint_rest, quadruped_template().skeleton.joint_rest)
    names = fused.skeleton.joint_names
    paw = fused.mesh.vertices[:, 2] < -0.19
    held = {names[joint] for joint in fused.skin_joints[paw][fused.skin_weights[paw] > 0.5]}
    assert held and all("paw" in name for name in held)


def test_legs_survive_poses_that_are_a_little_off(scene: tuple[SkinnedMesh, PosedFrames]) -> None:
    true, part = scene
    rng = np.random.default_rng(3)
    roots = part.T_world_root.copy()
    roots[:, :3, 3] += rng.normal(scale=0.008, size=(FRAMES, 3))
    roots[:, :3, :3] = roots[:, :3, :3] @ exp_so3(rng.normal(scale=0.04, size=(FRAMES, 3)))
    joints = part.joint_rotations + rng.normal(scale=0.10, size=part.joint_rotations.shape)
    fused = fused_body(quadruped_template(), [replace(part, T_world_root=roots, joint_rotations=joints)])
    after = tips(true, fused.mesh)
    assert after["front"] < 0.03 and after["hind"] < 0.03
    assert max(apart(fused.mesh, true.mesh)) < 0.007


def test_thin_limbs_keep_their_points_and_flying_pixels_go() -> None:
    depth = np.full((60, 80), 2.5, np.float32)
    mask = np.zeros((60, 80), bool)
    mask[10:30, 20:60], mask[30:50, 25:27] = True, True  # a trunk on a leg two pixels wide
    depth[mask] = 1.5
    depth[10, 20:60:4] = 2.0  # between the animal and the wall
    video = FakeVideo("v", Intrinsics.from_fov(1.0, 80, 60), np.zeros(1), np.eye(4)[None], [depth], [mask])
    seen = gather(video, np.array([0]), {0: mask}, video.T_world_camera, np.random.default_rng(0), 400)
    assert np.abs(seen.points[0, :, 2] - 1.5).max() < 1e-3
    assert (seen.points[0, :, 1] > 1.5 * (35 - 29.5) / video.intrinsics.fl_y).mean() > 0.02  # the leg's lower end


def sightings(heights: Array, azimuths: Array) -> Sightings:
    """An animal at the origin that looks along x and stands so high, seen from those directions."""
    count = len(heights)
    points = np.zeros((count, 50, 3), np.float32)
    points[..., 2] = np.linspace(0.0, 1.0, 50) * heights[:, None]
    cameras = np.tile(np.eye(4), (count, 1, 1))
    cameras[:, :2, 3] = 2.0 * np.stack([np.cos(azimuths), np.sin(azimuths)], axis=-1)
    frames = np.arange(count)
    seen = heights > 0.0
    return Sightings("v", frames, frames / 10, seen, points, cameras, np.ones((count, 4)), np.zeros((count, 8, 8)))


def test_standing_animals_tell_most_and_every_side_is_wanted() -> None:
    windows = 8
    # Lying, seen from the left; standing and seen from the left, three times; then standing, seen from elsewhere.
    heights = np.repeat([0.05, 0.3, 0.3, 0.3, 0.25, 0.25, 0.25, 0.0], WINDOW)
    azimuths = np.repeat([1.6, 1.6, 1.6, 1.6, 3.2, -1.6, 0.1, 0.1], WINDOW)
    one = sightings(heights, azimuths)
    track = np.tile(np.eye(4), (windows * WINDOW, 1, 1))
    chosen = telling_windows([one], [track], 4 * WINDOW)
    order = [window.start // WINDOW for _, window in chosen]
    assert order[0] in (1, 2, 3) and set(order[1:]) == {4, 5, 6}


def test_windows_are_chosen_from_all_videos_and_never_twice() -> None:
    one = sightings(np.full(WINDOW, 0.3), np.full(WINDOW, 1.6))
    other = sightings(np.full(WINDOW, 0.3), np.full(WINDOW, -1.6))
    track = np.tile(np.eye(4), (WINDOW, 1, 1))
    chosen = telling_windows([one, other], [track, track], 10 * WINDOW)
    assert sorted(index for index, _ in chosen) == [0, 1]
