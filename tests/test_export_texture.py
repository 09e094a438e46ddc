"""A texture baked from pictures shows the room's own pattern, whatever each picture's exposure was."""

from pathlib import Path

import numpy as np
import pytest

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, look_at
from ats_sim.gltf import read_scene, write_scene
from ats_sim.mesh import TriangleMesh
from ats_sim.reconstruction.capture.format import Capture, CaptureWriter
from ats_sim.reconstruction.export.texture import TextureOptions, textured
from ats_sim.reconstruction.painting.atlas import Atlas, rasterised
from ats_sim.reconstruction.painting.exposure import exposure_gains, local_gains
from ats_sim.reconstruction.painting.sightings import chosen_views, sightings
from ats_sim.reconstruction.painting.views import View, without_pinholes
from ats_sim.reconstruction.scene.raycast import Raycaster, pixel_rays

LENS = Intrinsics.from_fov(np.radians(70.0), 160, 120)
SIZE = np.array([3.0, 2.4, 2.0])
GREY = 128
OPTIONS = TextureOptions(size=512, views=30)


def pattern(points: Array) -> Array:
    """Colours (N, 3) 0..255 of a stripy, blotchy wallpaper, different in every direction."""
    x, y, z = points.T
    waves = [np.sin(2 * np.pi * (x + 0.7 * z) / 0.5), np.sin(2 * np.pi * (y - 0.4 * x) / 0.6), np.cos(9 * z + 4 * y)]
    return np.stack([120 + 50 * wave for wave in waves], axis=-1)


def room(cell: float = 0.25) -> TriangleMesh:
    """A box seen from inside, grey at every vertex; its vertices are shared along the edges."""
    import trimesh

    box = trimesh.creation.box(bounds=[np.zeros(3), SIZE])
    while box.edges_unique_length.max() > 2 * cell:
        box = box.subdivide()
    colors = np.full((len(box.vertices), 3), GREY, np.uint8)
    return TriangleMesh(box.vertices.astype(np.float32), box.faces[:, ::-1].astype(np.int32), colors)


def poses(count: int) -> Array:
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    eye = np.stack([1.5 + 0.5 * np.cos(2 * angle), 1.2 + 0.4 * np.sin(3 * angle), np.full(count, 1.0)], axis=1)
    return look_at(eye, eye + np.stack([np.cos(angle), np.sin(angle), -0.4 * np.cos(5 * angle)], axis=1))


def film(folder: Path, mesh: TriangleMesh, gains: Array, agent: bool = False, corners: float = 1.0) -> list[View]:
    """Views of the room, each brighter or darker per channel; with `agent` a marked magenta square in each, and with
    `corners` < 1 a lens whose corners are that much darker."""
    caster, writer = Raycaster(mesh), CaptureWriter(folder, quality=98)
    cameras = poses(len(gains))
    with writer.recording("walkthrough", LENS, 5.0) as video:
        for i, T in enumerate(cameras):
            depth, _ = caster.depth(LENS, T)
            world = (pixel_rays(LENS) * depth[..., None]).reshape(-1, 3) @ T[:3, :3].T + T[:3, 3]
            radius = np.hypot(pixel_rays(LENS)[..., 0], pixel_rays(LENS)[..., 1]).reshape(-1, 1)
            dimmed = pattern(world) * gains[i] * (1 + (corners - 1) * (radius / radius.max()) ** 2)
            rgb = np.clip(dimmed, 0, 255).reshape(*depth.shape, 3).astype(np.uint8)
            mask = np.zeros(depth.shape, dtype=bool)
            if agent:
                mask[40:80, 60:100] = True
                rgb[mask] = (255, 0, 255)
            video.add(i / 5.0, rgb, depth, T_world_camera=T, mask=mask)
    writer.finish(walkthrough=None, videos=["walkthrough"], provenance="test")
    recording = Capture.open(folder).videos[0]
    return [View(recording, i, T) for i, T in enumerate(cameras)]


def exposures(count: int) -> Array:
    gains = np.exp(np.random.default_rng(3).normal(scale=0.15, size=(count, 3)))
    return gains / np.exp(np.log(gains).mean(0))


def errors(mesh: TriangleMesh, count: int = 4000) -> tuple[Array, Array]:
    """Surface points (N, 3) drawn evenly and how far (N,) the texture is from the pattern there."""
    rng = np.random.default_rng(0)
    area = np.linalg.norm(mesh.face_normals(), axis=1)
    face = rng.choice(len(mesh.faces), count, p=area / area.sum())
    weights = rng.dirichlet(np.ones(3), count)
    corners = mesh.faces[face]
    points = (weights[..., None] * mesh.vertices[corners]).sum(1)
    uv = (weights[..., None] * mesh.uv[corners]).sum(1)
    row, column = (np.clip((uv[:, k] * mesh.texture.shape[0]).astype(int), 0, len(mesh.texture) - 1) for k in (1, 0))
    return points, np.abs(mesh.texture[row, column].astype(float) - pattern(points)).mean(1)


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> tuple[TriangleMesh, list[View]]:
    mesh = room()
    return mesh, film(tmp_path_factory.mktemp("film") / "capture", mesh, exposures(36), agent=True)


@pytest.fixture(scope="module")
def baked(filmed: tuple[TriangleMesh, list[View]]) -> TriangleMesh:
    return textured(*filmed, OPTIONS)


def test_the_pattern_is_reproduced_and_the_agent_left_out(baked: TriangleMesh) -> None:
    points, error = errors(baked)
    middle = (points[:, 2] > 0.2) & (points[:, 2] < 1.8)
    assert np.median(error[middle]) < 5.0
    assert (error[middle] < 15.0).mean() > 0.95
    magenta = (baked.texture[..., 0] > 230) & (baked.texture[..., 1] < 30)
    assert magenta.mean() < 1e-3


def test_baking_twice_gives_the_same(filmed: tuple[TriangleMesh, list[View]], baked: TriangleMesh) -> None:
    again = textured(*filmed, OPTIONS)
    np.testing.assert_array_equal(again.uv, baked.uv)
    np.testing.assert_array_equal(again.texture, baked.texture)


def test_exposures_are_recovered(filmed: tuple[TriangleMesh, list[View]]) -> None:
    mesh, views = filmed
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(mesh.faces), 1500)
    points = mesh.vertices[mesh.faces[chosen]].mean(1)
    normals = mesh.face_normals()[chosen]
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    gains = exposure_gains(sightings(views, points, normals), np.ones(len(views), dtype=bool))
    np.testing.assert_allclose(gains, exposures(len(views)), rtol=0.06)


def test_dark_corners_of_a_lens_are_evened_out(tmp_path: Path) -> None:
    mesh = room()
    views = film(tmp_path / "capture", mesh, np.ones((36, 3)), corners=0.6)
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(mesh.faces), 3000)
    normals = mesh.face_normals()[chosen]
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    seen = sightings(views, mesh.vertices[mesh.faces[chosen]].mean(1), normals)
    maps = local_gains(seen, exposure_gains(seen, np.ones(len(views), dtype=bool))).mean((0, -1))
    assert 0.55 < maps[[0, 0, -1, -1], [0, -1, 0, -1]].mean() / maps[4, 5:7].mean() < 0.85


def test_what_nobody_saw_is_filled(filmed: tuple[TriangleMesh, list[View]]) -> None:
    mesh, views = filmed
    blind = textured(mesh, [], OPTIONS)
    assert np.abs(blind.texture.astype(int) - GREY).max() <= 1
    half = textured(mesh, [view for view in views if view.T_world_camera[0, 2] > 0.7], OPTIONS)
    _, error = errors(half)
    assert 0.2 < (error < 10).mean() < 0.9
    # What is filled in lies between the pattern's darkest and brightest colour: no holes, no overshooting.
    assert half.texture.min() > 50 and half.texture.max() < 190


def test_a_textured_home_round_trips(tmp_path: Path, baked: TriangleMesh) -> None:
    write_scene(tmp_path / "scene.glb", baked)
    back = read_scene(tmp_path / "scene.glb")
    assert back.colors is None
    np.testing.assert_allclose(back.uv, baked.uv, atol=1e-6)
    assert np.abs(back.texture.astype(int) - baked.texture).mean() < 4.0


def test_every_triangle_has_texels_of_its_own() -> None:
    mesh = room()
    atlas = Atlas.of(mesh, 256)
    np.testing.assert_allclose(atlas.mesh.vertices, mesh.vertices[atlas.source])
    assert len(atlas.mesh.faces) == len(mesh.faces)
    assert set(np.unique(atlas.face)) == set(range(len(mesh.faces)))
    points = atlas.at_texels(mesh.vertices)
    off_wall = np.minimum(np.abs(points), np.abs(SIZE - points)).min(1)
    assert off_wall.max() < 1e-4


def test_texels_inside_a_triangle_are_its_own_and_weights_are_linear() -> None:
    places = np.array([[2.0, 3.0], [40.0, 5.0], [10.0, 50.0]])
    texel, face, weights = rasterised(places, np.array([[0, 1, 2]]), 64)
    row, column = np.divmod(texel, 64)
    np.testing.assert_allclose(weights @ places, np.column_stack([column, row]), atol=1e-3)
    inside = int((weights >= 0).all(1).sum())
    area = 0.5 * abs(38.0 * 47.0 - 2.0 * 8.0)
    assert abs(inside - area) < 40 and not face.any()


def test_views_are_chosen_for_what_others_do_not_show() -> None:
    scores = np.zeros((4, 30), dtype=np.float32)
    scores[0, :20], scores[1, :18], scores[2, 20:], scores[3] = 100, 100, 50, 1
    assert chosen_views(scores, 2).tolist() == [0, 2]
    assert len(chosen_views(np.zeros((3, 5), np.float32), 3)) == 0


def test_small_gaps_in_depth_are_closed_and_wide_ones_stay() -> None:
    depth = np.full((40, 40), 2.0, np.float32)
    depth[10, 10:30] = 0
    depth[25:36, 5:16] = 0
    closed = without_pinholes(depth)
    np.testing.assert_allclose(closed[10, 10:30], 2.0, atol=1e-5)
    assert closed[30, 10] == 0
