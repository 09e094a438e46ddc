"""Agents bent by the graphics side look as the numpy skinning says, and an agent's eyes are where its head is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from ats_sim.arrays import Array
from ats_sim.errors import RenderError
from ats_sim.geometry import Intrinsics, exp_so3, inverse, look_at, rigid, transform_points, yaw_matrix
from ats_sim.home import Home
from ats_sim.mesh import SkinnedMesh
from ats_sim.rendering import AGENT_LABEL, Camera, HomeRenderer, Renderer, open_renderer
from ats_sim.rendering.body import Body
from ats_sim.rendering.cameras import agent_camera, head_joint
from ats_sim.rendering.raycast_backend import sample_texture
from ats_sim.skeleton import Skeleton
from tests.toy_home import make_toy_home, with_texture

WEIGHTS = np.array([0.5, 0.25, 0.15, 0.1], dtype=np.float32)
INTRINSICS = Intrinsics.from_fov(0.9, 200, 150)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.load(make_toy_home(tmp_path_factory.mktemp("home") / "toy"), require_policy=False)


@pytest.fixture(params=["moderngl", "raycast", "pyrender"])
def renderer(request: pytest.FixtureRequest) -> Iterator[Renderer]:
    try:
        opened = open_renderer(request.param)
    except RenderError as error:
        pytest.skip(str(error))
    yield opened
    opened.close()


def blended(skinned: SkinnedMesh) -> SkinnedMesh:
    """The toy's boxes, each vertex of which follows four joints."""
    own = skinned.skin_joints[:, 0]
    parents = np.maximum(skinned.skeleton.joint_parents, 0)
    anywhere = np.random.default_rng(0).integers(0, 26, len(own))
    joints = np.stack([own, parents[own], parents[parents[own]], anywhere], axis=1)
    return replace(skinned, skin_joints=joints, skin_weights=np.tile(WEIGHTS, (len(own), 1)))


def some_pose(seed: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    root = rigid(yaw_matrix(rng.uniform(-3, 3)) @ exp_so3(rng.normal(size=3) * 0.3), rng.normal(size=3) * 0.2)
    return root, rng.normal(size=(26, 3)) * 0.35


def camera_on(root: Array) -> Camera:
    return Camera(INTRINSICS, look_at(root[:3, 3] + [0.5, -0.45, 0.3], root[:3, 3]))


def test_bending_in_the_renderer_gives_the_depth_of_vertices_bent_by_numpy(renderer: Renderer, home: Home) -> None:
    skinned = blended(home.agent)
    handle = renderer.add_skinned(skinned, 2)
    for seed in range(3):
        root, joints = some_pose(seed)
        renderer.pose(handle, skinned.skeleton.forward_kinematics(root, joints))
        bent = renderer.render(camera_on(root))
        renderer.show(handle, False)
        moved = renderer.add(skinned.mesh, 2)
        renderer.update_vertices(moved, skinned.posed(root, joints))
        expected = renderer.render(camera_on(root))
        renderer.remove(moved)
        renderer.show(handle, True)
        assert (expected.labels == 2).sum() > 1000
        assert np.mean(bent.labels != expected.labels) < 1e-3
        both = (bent.labels == 2) & (expected.labels == 2)
        assert np.quantile(np.abs(bent.depth - expected.depth)[both], 0.999) < 1e-3


def test_a_skinned_mesh_starts_at_rest_and_moves_by_its_joints_alone(renderer: Renderer, home: Home) -> None:
    camera = camera_on(np.eye(4))
    handle = renderer.add_skinned(home.agent, 2)
    rest = renderer.render(camera)
    still = np.zeros((26, 3))
    renderer.pose(handle, home.agent.skeleton.forward_kinematics(np.eye(4), still))
    np.testing.assert_allclose(renderer.render(camera).depth, rest.depth, atol=1e-5)
    with pytest.raises(RenderError, match="pose"):
        renderer.update_vertices(handle, home.agent.mesh.vertices)
    with pytest.raises(RenderError, match="add_skinned"):
        renderer.pose(renderer.add(home.agent.mesh, 3), home.agent.skeleton.rest_transforms)


def test_a_bent_agent_wears_its_picture(renderer: Renderer, home: Home) -> None:
    """Closed form: at rest and from the side, a pixel's colour is the picture's at the x and z that it shows."""
    skinned = with_texture(home.agent)
    handle = renderer.add_skinned(skinned, 2, unlit=True)
    low, high = skinned.mesh.vertices.min(0), skinned.mesh.vertices.max(0)
    for seed in range(2):
        root, _ = some_pose(seed)
        renderer.pose(handle, skinned.skeleton.forward_kinematics(root, np.zeros((26, 3))))
        camera = camera_on(root)
        frame = renderer.render(camera)
        rows, columns = np.nonzero(ndimage.binary_erosion(frame.labels == 2, iterations=2))
        depth = frame.depth[rows, columns, None]
        lens = camera.intrinsics
        ahead = np.stack([(columns - lens.cx) / lens.fl_x, (rows - lens.cy) / lens.fl_y, np.ones(len(rows))], axis=-1)
        rest = transform_points(inverse(root) @ camera.T_world_camera, ahead * depth)
        uv = ((rest - low) / (high - low))[:, [0, 2]]
        expected = sample_texture(skinned.mesh.texture, uv) * 255.0
        assert len(rows) > 500
        assert np.mean(np.abs(frame.rgb[rows, columns] - expected).max(-1) < 16) > 0.9


def test_light_and_shadow_of_a_bent_agent_agree_with_ray_casting(home: Home) -> None:
    pictures = []
    root, joints = some_pose(5)
    for backend in ("moderngl", "raycast"):
        with_agent = HomeRenderer(home, 200, 150, backend)  # type: ignore[arg-type]
        root[:3, 3] = [-0.5, 0.2, 0.35]
        pictures.append(with_agent.render(camera_on(root), [(root, joints)]))
        with_agent.close()
    drawn, traced = pictures
    assert np.mean(drawn.labels == traced.labels) > 0.995
    difference = np.abs(drawn.rgb.astype(int) - traced.rgb.astype(int)).max(-1)
    assert np.mean(difference[drawn.labels == AGENT_LABEL] <= 12) > 0.95
    assert np.mean(difference <= 12) > 0.93


def test_every_agent_is_posed_on_its_own(home: Home) -> None:
    """Three agents side by side give the picture of each alone, put together by depth."""
    renderer = HomeRenderer(home, 200, 150, "moderngl")
    camera = Camera(INTRINSICS, look_at(np.array([-0.5, -1.6, 1.3]), np.array([-0.5, 0.2, 0.2])))
    poses = []
    for index in range(3):
        joints = some_pose(index)[1]
        poses.append((rigid(yaw_matrix(index * 2.0), np.array([-1.1 + 0.55 * index, 0.2, 0.25])), joints))
    together = renderer.render(camera, poses)
    for index, pose in enumerate(poses):
        alone = renderer.render(camera, [pose])
        mine = together.labels == AGENT_LABEL + index
        assert mine.sum() > 100
        np.testing.assert_array_equal(alone.labels[mine], AGENT_LABEL)
        np.testing.assert_array_equal(alone.depth[mine], together.depth[mine])
    renderer.close()


def test_an_agent_looks_along_its_turned_head(home: Home) -> None:
    """Closed form: the rest pose turned by yaw, then the head turned by its own angle about its own z."""
    skinned = home.agent
    joints = np.zeros((26, 3))
    head = skinned.skeleton.joint_names.index("head")
    yaw, turn = 0.7, -0.4
    joints[head, 2] = turn
    root = rigid(yaw_matrix(yaw), np.array([1.0, 2.0, 0.3]))
    camera = agent_camera(INTRINSICS, skinned, root, joints)
    heading = yaw + turn
    np.testing.assert_allclose(camera.T_world_camera[:3, 2], [np.cos(heading), np.sin(heading), 0.0], atol=1e-6)
    np.testing.assert_allclose(camera.T_world_camera[:3, 1], [0.0, 0.0, -1.0], atol=1e-6)
    rest = agent_camera(INTRINSICS, skinned, np.eye(4), np.zeros((26, 3))).position
    neck = skinned.skeleton.rest_transforms[head, :3, 3]
    expected = root[:3, 3] + yaw_matrix(yaw) @ (neck + yaw_matrix(turn) @ (rest - neck))
    np.testing.assert_allclose(camera.position, expected, atol=1e-6)
    assert rest[0] > skinned.mesh.vertices[:, 0].max() - 0.05


def test_an_agent_sees_what_is_before_it_and_not_its_own_head(home: Home) -> None:
    renderer = HomeRenderer(home, 160, 120, "moderngl")
    joints = np.zeros((26, 3))
    first = rigid(np.eye(3), np.array([-1.0, 0.2, 0.25]))
    second = rigid(yaw_matrix(np.pi / 2), np.array([0.1, 0.2, 0.25]))
    poses = [(first, joints), (second, joints)]
    seen = renderer.render(renderer.agent_camera(*poses[0]), poses).labels
    assert AGENT_LABEL not in seen
    rows, columns = np.nonzero(seen == AGENT_LABEL + 1)
    assert len(rows) > 200 and abs(columns.mean() - 79.5) < 20
    assert AGENT_LABEL not in renderer.render(renderer.agent_camera(*poses[1]), poses).labels
    renderer.close()


def test_the_head_is_found_without_its_name() -> None:
    rest = np.tile(np.eye(4), (5, 1, 1))
    rest[1:, :3, 3] = [[0.2, 0.0, 0.0], [0.1, 0.0, 0.2], [0.1, 0.0, -0.2], [-0.3, 0.0, 0.5]]
    names = ("root", "chest", "skull", "paw", "tail")
    assert head_joint(Skeleton(names, np.array([-1, 0, 1, 1, 0]), rest)) == 2
    named = Skeleton(("root", "chest", "skull", "head", "tail"), np.array([-1, 0, 1, 1, 0]), rest)
    assert head_joint(named) == 3


def test_a_box_around_the_joints_holds_every_bent_vertex(home: Home) -> None:
    skinned = blended(home.agent)
    body = Body.of(skinned, 2, {})
    for seed in range(20):
        root, joints = some_pose(seed)
        body.pose(skinned.skeleton.forward_kinematics(root, joints))
        hull, vertices = body.hull(), skinned.posed(root, joints)
        directions = np.random.default_rng(seed).normal(size=(30, 3))
        assert np.all((hull @ directions.T).max(0) >= (vertices @ directions.T).max(0) - 1e-5)
