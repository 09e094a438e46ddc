"""An animal whose pattern is known, filmed and painted anew: stripes too fine for vertex colours come back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, look_at, rigid, yaw_matrix
from ats_sim.gltf import Animation, read_agent, write_agent
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.reconstruction.agent.shape import PosedFrames, colored
from ats_sim.reconstruction.agent.storage import AgentReconstruction
from ats_sim.reconstruction.agent.template import neutral_shape
from ats_sim.reconstruction.agent.templates.quadruped import quadruped_template
from ats_sim.reconstruction.agent.texture import AgentTextureOptions, painted
from ats_sim.reconstruction.rendering.model4d import Model4D, Motion
from ats_sim.reconstruction.scene.raycast import Raycaster
from tests.agent_scene import box, film

FRAMES = 24
LENS = Intrinsics.from_fov(0.6, 192, 144)
FLOOR = box([-4, -4, -0.5], [4, 4, 0.0], color=(150, 60, 160))
SMALL = AgentTextureOptions(size=256)


def striped(x: Array) -> Array:
    """Colours (N, 3) of a coat: stripes of 2.5 cm across the body, by where on the rest pose (N,) a point is."""
    dark = (np.floor(x / 0.025) % 2 == 0)[:, None]
    return np.where(dark, [70.0, 60.0, 50.0], [190.0, 180.0, 160.0])


def walk(skinned: SkinnedMesh) -> tuple[Array, Array]:
    """It stands in the middle and swings legs, tail and head."""
    names, phase = skinned.skeleton.joint_names, np.arange(FRAMES) / 3.0
    height = -skinned.mesh.vertices[:, 2].min()
    roots = rigid(yaw_matrix(0.1 * np.sin(phase)), np.tile([0.0, 0.0, height], (FRAMES, 1)))
    joints = np.zeros((FRAMES, len(names), 3))
    for name, axis, size in (("left_upper_arm", 1, 0.3), ("right_thigh", 1, 0.3), ("tail1", 2, 0.3), ("head", 2, 0.3)):
        joints[:, names.index(name), axis] = size * np.sin(phase)
    return roots, joints


def filmed(start: float, stop: float, gain: float = 1.0) -> PosedFrames:
    """The striped animal, finer than what is painted, from an arc of headings around it (radians, 0 = its head)."""
    true = quadruped_template(faces=16000)
    colors = striped(true.mesh.vertices[:, 0].astype(np.float64)).astype(np.uint8)
    roots, joints = walk(true)
    movers = [TriangleMesh(true.posed(r, j), true.mesh.faces, colors) for r, j in zip(roots, joints, strict=True)]
    around = np.linspace(start, stop, FRAMES)
    eyes = np.stack([1.2 * np.cos(around), 1.2 * np.sin(around), np.full(FRAMES, 0.6)], axis=-1)
    cameras = np.stack([look_at(eye, root[:3, 3]) for eye, root in zip(eyes, roots, strict=True)])
    video = film("v", FLOOR, movers, cameras, np.arange(FRAMES) / 10, np.random.default_rng(0), LENS)
    video.pictures = [np.rint(gain * picture).astype(np.uint8) for picture in video.pictures]
    return PosedFrames(video, np.arange(FRAMES), dict(enumerate(video.masks)), cameras, roots, joints)


@pytest.fixture(scope="module")
def body() -> SkinnedMesh:
    return quadruped_template(faces=1600)


@pytest.fixture(scope="module")
def everywhere() -> PosedFrames:
    return filmed(0.0, 2 * np.pi)


@pytest.fixture(scope="module")
def result(body: SkinnedMesh, everywhere: PosedFrames) -> SkinnedMesh:
    return painted(body, [everywhere], SMALL)


def looked_up(mesh: TriangleMesh, count: int = 6000) -> tuple[Array, Array]:
    """Rest places (N, 3) spread over a surface, but for its underside and legs, and the mesh's colours (N, 3) there."""
    rng, area = np.random.default_rng(1), np.linalg.norm(mesh.face_normals(), axis=1)
    face = rng.choice(len(area), count, p=area / area.sum())
    weights = rng.dirichlet([1.0] * 3, count)
    places = np.einsum("sk,skc->sc", weights, mesh.vertices[mesh.faces[face]])
    above = (mesh.face_normals()[face, 2] > -0.3 * area[face]) & (places[:, 2] > np.median(mesh.vertices[:, 2]))
    return places[above], Raycaster(mesh).colors(face, weights)[above].astype(np.float64)


def off(mesh: TriangleMesh, gain: float = 1.0) -> float:
    """Mean distance of a mesh's colours from the stripes, levels."""
    places, colors = looked_up(mesh)
    return float(np.abs(colors / gain - striped(places[:, 0])).mean())


def test_stripes_come_back(body: SkinnedMesh, everywhere: PosedFrames, result: SkinnedMesh) -> None:
    texture, vertices = off(result.mesh), off(colored(body, [everywhere]).mesh)
    assert texture < 0.6 * vertices
    assert texture < 20.0
    assert result.mesh.colors is None and result.mesh.texture.shape == (256, 256, 3)


def test_the_room_is_not_painted_on(result: SkinnedMesh) -> None:
    """The floor is the only purple thing; the stripes are nearly grey."""
    _, colors = looked_up(result.mesh)
    assert ((colors[:, 0] - colors[:, 1]) > 40).mean() < 0.02


def test_unseen_side_is_the_mirror_image(body: SkinnedMesh) -> None:
    mesh = painted(body, [filmed(0.3, 2.8)], SMALL).mesh
    places, colors = looked_up(mesh)
    right = places[:, 1] < -0.02
    assert right.mean() > 0.2
    assert np.abs(colors[right] - striped(places[right, 0])).mean() < 30.0


def test_exposures_are_evened(body: SkinnedMesh) -> None:
    """The left side was filmed darker, some of both in both; both sides come out alike."""
    mesh = painted(body, [filmed(-0.6, 3.7, gain=0.6), filmed(2.5, 6.8)], SMALL).mesh
    places, colors = looked_up(mesh)
    left, right = (colors[sign * places[:, 1] > 0.02].mean() for sign in (1.0, -1.0))
    assert 0.93 < left / right < 1.07
    assert 0.6 <= colors.mean() / striped(places[:, 0]).mean() <= 1.0


def test_no_frame_leaves_it_grey(body: SkinnedMesh, everywhere: PosedFrames) -> None:
    blind = replace(everywhere, masks={k: np.zeros_like(mask) for k, mask in everywhere.masks.items()})
    assert set(np.unique(painted(body, [blind], AgentTextureOptions(size=64)).mesh.texture)) == {128}


def test_cuts_change_neither_motion_nor_normals(
    body: SkinnedMesh, everywhere: PosedFrames, result: SkinnedMesh
) -> None:
    root, joints = everywhere.T_world_root[3], everywhere.joint_rotations[3]
    assert len(result.mesh.vertices) > len(body.mesh.vertices)
    before, after = body.posed(root, joints)[body.mesh.faces], result.posed(root, joints)[result.mesh.faces]
    np.testing.assert_allclose(after, before, atol=1e-6)
    plain, cut = (mesh.vertex_normals()[mesh.faces] for mesh in (body.mesh, result.mesh))
    np.testing.assert_allclose(cut, plain, atol=1e-5)


def test_file_keeps_the_texture_and_tensors_the_vertex_colours(
    body: SkinnedMesh, everywhere: PosedFrames, result: SkinnedMesh, tmp_path: Path
) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    shape = neutral_shape(body, 1.0)
    AgentReconstruction(colored(body, [everywhere]), {}, shape, {}, textured=result).write(tmp_path)
    kept, _ = read_agent(tmp_path / "agent.glb")
    np.testing.assert_array_equal(kept.mesh.texture, result.mesh.texture)
    np.testing.assert_allclose(kept.mesh.uv, result.mesh.uv, atol=1e-6)
    assert kept.mesh.colors is None  # glTF would multiply them with the texture
    tensors = safetensors.load_file(tmp_path / "agent.safetensors")
    assert tensors["colors"].shape == tensors["vertices"].shape == body.mesh.vertices.shape
    again = Animation("walk", np.arange(FRAMES) / 10, everywhere.T_world_root, everywhere.joint_rotations)
    write_agent(tmp_path / "again.glb", kept, [again])
    twice, _ = read_agent(tmp_path / "again.glb")
    root, joints = everywhere.T_world_root[5], everywhere.joint_rotations[5]
    np.testing.assert_allclose(twice.posed(root, joints), result.posed(root, joints), atol=1e-5)


def test_scores_see_the_texture(everywhere: PosedFrames, result: SkinnedMesh) -> None:
    """A rendered frame is nearer to the filmed one than the same frame in the animal's mean colour."""
    time = np.arange(FRAMES) / 10
    motion = Motion(time, everywhere.T_world_root, everywhere.joint_rotations, np.ones(FRAMES, dtype=bool))
    view = Model4D(FLOOR, result, {"v": motion}).render(LENS, everywhere.T_world_camera[5], "v", 0.5)
    both = view.mask & everywhere.masks[5]
    true, shown = everywhere.video.rgb(5)[both].astype(float), view.rgb[both].astype(float)
    assert np.abs(shown - true).mean() < 0.6 * np.abs(shown.mean(0) - true).mean()
