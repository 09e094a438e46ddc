"""A redacted home holds no photo, track or word of the people, and its animal lives on to the bit."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from toy_home import ScriptedMind, make_toy_home, toy_skeleton, toy_volume

from ats_sim import cli
from ats_sim.arrays import Array
from ats_sim.contents import contents_of
from ats_sim.errors import ConfigError, HomeError
from ats_sim.gltf import read_scene, write_scene
from ats_sim.graph_metadata import without_metadata
from ats_sim.home import Home, check_home, seal_home
from ats_sim.mesh import TriangleMesh
from ats_sim.plain_colors import CELL, plain_colors
from ats_sim.policy import Policy
from ats_sim.redact_options import Coloring, RedactOptions
from ats_sim.redaction import redact_home
from ats_sim.world import World

SECRET = "/home/jane-doe/videos/kitchen"
TEXELS = 512


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The toy home with words in every place where words may stand."""
    folder = make_toy_home(tmp_path_factory.mktemp("redaction") / "toy")
    solid = folder / "collision.obj"
    solid.write_text(f"# scanned by jane@doe.org from {SECRET}\n{solid.read_text()}")
    rig = folder / "agent.urdf"
    rig.write_text(rig.read_text().replace("<robot", f"<!-- {SECRET} -->\n<robot", 1))
    rng, volume = np.random.default_rng(3), toy_volume()
    cameras = volume.observer_cameras[rng.permutation(len(volume.observer_cameras))].copy()
    cameras[:, 2, 3] = rng.uniform(1.2, 1.6, len(cameras))
    replace(volume, observer_cameras=cameras).write(folder / "perception.npz")
    (folder / "report.html").write_text("<img src='kitchen.jpg'>")
    provenance = {"source": SECRET, "videos": ["janes kitchen"], "made": {"method": "classical", "frames": 7}}
    pose = np.eye(4)
    pose[2, 3] = 1.7
    metrics = {"root_m": 0.25, "note": "Jane", "inner": {"share": 1.0}}
    seal_home(folder, name="jane", skeleton=toy_skeleton(), T_home_scene=pose, provenance=provenance, metrics=metrics)
    (folder / "notes.txt").write_text("lies beside the home")
    return Home.load(folder, require_policy=False)


@pytest.fixture(scope="module")
def redacted(original: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    output = tmp_path_factory.mktemp("redacted") / "given"
    redact_home(original, output)
    assert check_home(output, require_policy=False) == []
    return Home.load(output, require_policy=False)


def test_words_tracks_and_foreign_files_are_gone(original: Home, redacted: Home) -> None:
    assert set(redacted.files) == set(original.files) - {"recordings.npz", "report.html"}
    assert not (redacted.folder / "notes.txt").exists()
    for path in redacted.folder.rglob("*"):
        data = path.read_bytes().lower()
        assert b"jane" not in data and b"kitchen" not in data, path
        assert b"toy" not in data, path  # the name of the video that the motion is from
    assert redacted.name == "given"
    assert redacted.provenance == {
        "made": {"method": "classical", "frames": 7},
        "redacted": {"texture": "none", "recordings": False},
    }
    assert redacted.metrics == {"root_m": 0.25, "inner": {"share": 1.0}}
    np.testing.assert_array_equal(redacted.T_home_scene, np.eye(4))


def test_cameras_keep_their_floor_points_without_height_direction_and_order(original: Home, redacted: Home) -> None:
    before, after = original.perception.observer_cameras, redacted.perception.observer_cameras
    kept = sorted(map(tuple, before[:, :2, 3].tolist()))
    assert kept != list(map(tuple, before[:, :2, 3].tolist())) and (before[:, 2, 3] > 1.0).all()
    assert [tuple(point) for point in after[:, :2, 3].tolist()] == kept
    assert (after[:, 2, 3] == 0.0).all() and (after[:, :3, :3] == np.eye(3)).all()


def test_what_mind_and_bodies_read_stays_to_the_bit(original: Home, redacted: Home) -> None:
    for name in ("features", "occupancy", "sdf", "agent_visits", "observer_visits", "agent_roots"):
        np.testing.assert_array_equal(getattr(original.perception, name), getattr(redacted.perception, name))
    for before, after in zip(original.animations, redacted.animations, strict=True):
        np.testing.assert_array_equal(before.T_world_root, after.T_world_root)
        np.testing.assert_array_equal(before.joint_rotations, after.joint_rotations)
    np.testing.assert_array_equal(original.agent.mesh.vertices, redacted.agent.mesh.vertices)


def walk(home: Home, mind: ScriptedMind | Policy, place: Array, steps: int) -> Array:
    world = World(home, policy=mind)
    world.reset(np.random.default_rng(5), {"observer_pose": place})
    actions, track = np.random.default_rng(6).uniform(-1.0, 1.0, (steps, 4)).astype(np.float32), []
    for action in actions:
        world.step(action)
        agent = world.agents[0]
        track.append(np.concatenate([agent.T_world_root.ravel(), agent.joint_rotations.ravel(), world.observer.pose]))
    world.close()
    return np.array(track)


def test_the_animal_does_the_same_for_the_same_seed(original: Home, redacted: Home) -> None:
    place = np.array([-2.0, -1.4, 0.0])
    before = walk(original, ScriptedMind(), place, 60)
    np.testing.assert_array_equal(before, walk(redacted, ScriptedMind(), place, 60))
    assert np.ptp(before[:, 3]) > 0.1


def test_the_bundled_home_is_played_on_as_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "given"
    assert cli.main(["check", "default", "--redact", str(output)]) == 0
    assert "photos" not in capsys.readouterr().out
    assert cli.main(["check", str(output)]) == 0
    before, after = Home.load("default"), Home.load(output)
    place = np.array([*before.perception.observer_cameras[100, :2, 3].astype(np.float64), 0.5])
    track = walk(before, Policy.load(before), place, 30)
    np.testing.assert_array_equal(track, walk(after, Policy.load(after), place, 30))
    assert after.scene.texture is None and not list(after.recordings)
    for name in after.files:
        assert b"site-packages" not in after.file(name).read_bytes()


def test_recordings_stay_where_asked_and_an_old_copy_is_replaced(original: Home, tmp_path: Path) -> None:
    output = tmp_path / "given"
    redact_home(original, output)
    redact_home(original, output, RedactOptions(keep_recordings=True, texture="blurred"))
    again = Home.load(output, require_policy=False)
    assert [one.name for one in again.recordings] == ["walk"]
    assert again.provenance["redacted"] == {"texture": "blurred", "recordings": True}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["given"]


def test_places_that_would_lose_files_are_refused(original: Home, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"mine")
    (tmp_path / "file").write_bytes(b"mine")
    for output, said in (
        (tmp_path / "photos", "holds files and is no home"),
        (tmp_path / "file", "is no folder"),
        (original.folder, "the home itself"),
        (original.folder / "inner", "inside the other"),
        (original.folder.parent, "inside the other"),
    ):
        with pytest.raises(ConfigError, match=said):
            redact_home(original, output)
    assert (tmp_path / "photos" / "a.jpg").read_bytes() == b"mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "photos"]
    assert check_home(original.folder, require_policy=False) == []


def test_nothing_is_left_behind_where_a_file_cannot_be_redacted(tmp_path: Path) -> None:
    home = Home.load(make_toy_home(tmp_path / "toy", policy=True))  # its graph is none
    with pytest.raises(HomeError, match=r"goal\.onnx: not an ONNX graph"):
        redact_home(home, tmp_path / "given")
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


def test_the_list_says_what_is_in_the_files(original: Home, redacted: Home) -> None:
    said = {content.name: content for content in contents_of(original)}
    assert set(said) == {*original.files, "home.json", "notes.txt"}
    assert all(content.size == (original.folder / name).stat().st_size for name, content in said.items())
    assert "janes kitchen" in said["home.json"].reveals and "1.70 m" in said["home.json"].reveals
    assert "(1.40 to 1.40 m)" in said["recordings.npz"].reveals and "walk" in said["recordings.npz"].reveals
    assert "2 of them" in said["collision.obj"].reveals and SECRET in said["agent.urdf"].reveals
    assert "5.0 x 4.0 x 2.5 m" in said["collision.obj"].reveals
    assert "does not list it" in said["notes.txt"].what and "unknown" in said["report.html"].what
    after = {content.name: content for content in contents_of(redacted)}
    assert "camera" in said["perception.npz"].reveals and "camera" not in after["perception.npz"].reveals
    assert "coarse colours" in after["perception.npz"].reveals  # honest about what must stay
    assert "photos" in said["scene.glb"].reveals and "half a metre" in after["scene.glb"].reveals


def test_the_list_tells_how_fine_the_photos_are(original: Home, tmp_path: Path) -> None:
    folder = make_toy_home(tmp_path / "toy")
    write_scene(folder / "scene.glb", wall(np.zeros((TEXELS, TEXELS, 3), np.uint8)))
    seal_home(folder, name="toy", skeleton=toy_skeleton(), T_home_scene=np.eye(4), provenance={}, metrics={})
    said = {c.name: c for c in contents_of(Home.load(folder, require_policy=False))}["scene.glb"]
    assert "4 mm a pixel" in said.reveals and "512 x 512" in said.what  # 2 m are 512 pixels


def test_the_command_explains_what_it_refuses(
    original: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check", str(original.folder), "--texture", "blurred"]) == 2
    assert "--redact OUT" in capsys.readouterr().err
    (tmp_path / "capture.json").write_text('{"format": "ats-capture/1", "videos": []}')
    assert cli.main(["check", str(tmp_path), "--contents"]) == 2
    assert "is a capture" in capsys.readouterr().err


def wall(texture: Array) -> TriangleMesh:
    """2 x 2 m of wall in triangles of 5 cm, with a picture all over it."""
    side = np.linspace(0.0, 2.0, 41)
    x, z = (grid.ravel() for grid in np.meshgrid(side, side, indexing="ij"))
    corner = np.arange(41 * 41).reshape(41, 41)
    a, b, c, d = (part.ravel() for part in (corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]))
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    uv = np.stack([x / 2.0, 1.0 - z / 2.0], axis=-1)
    return TriangleMesh(np.stack([x, np.zeros_like(x), z], axis=-1), faces, uv=uv, texture=texture)


def letters(rng: np.random.Generator) -> Array:
    """Black strokes of 2 cm on a wall that goes from light to dark: (512, 512, 3)."""
    shade = np.broadcast_to(np.linspace(60.0, 200.0, TEXELS)[:, None], (TEXELS, TEXELS))
    strokes = np.kron(rng.random((TEXELS // 4, TEXELS // 4)) < 0.5, np.ones((4, 4)))
    return np.repeat((shade + 50.0 * strokes)[..., None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("coloring", ["none", "blurred"])
def test_no_detail_is_left_on_a_wall_of_letters(coloring: Coloring) -> None:
    picture = letters(np.random.default_rng(1))
    plain = plain_colors(wall(picture), coloring)
    assert plain.texture is None and plain.colors is not None
    faces = plain.colors[plain.faces].mean(1)[:, 0]
    seen = TriangleMesh(plain.vertices, plain.faces).vertices[plain.faces].mean(1)
    column = (seen[:, 0] / 2.0 * TEXELS).astype(int)
    row = ((1.0 - seen[:, 2] / 2.0) * TEXELS).astype(int)
    cell = np.floor(seen[:, 0] / CELL).astype(int) * 10 + np.floor(seen[:, 2] / CELL).astype(int)
    photo = picture[row, column, 0].astype(np.float64)
    # Detail is what differs from the mean of the half metre around it.
    detail = [
        values - (np.bincount(cell, values) / np.maximum(np.bincount(cell), 1))[cell] for values in (photo, faces)
    ]
    if coloring == "none":
        assert np.ptp(detail[1]) < 1e-9
    # A wash still fades from light to dark, which the mean over its row shows; the rest is strokes.
    rows = np.round(seen[:, 2] / 0.05 * 3).astype(int)
    strokes = [values - (np.bincount(rows, values) / np.maximum(np.bincount(rows), 1))[rows] for values in detail]
    assert (strokes[1] ** 2).sum() < 0.01 * (strokes[0] ** 2).sum()
    # Other letters on the same wall come out the same.
    other = plain_colors(wall(letters(np.random.default_rng(2))), coloring)
    assert other.colors is not None
    assert np.abs(other.colors.astype(int) - plain.colors.astype(int)).max() <= 6
    assert np.corrcoef(faces, photo)[0, 1] > 0.7  # the coarse colour is right


def test_flat_patches_hold_the_mean_of_what_was_there() -> None:
    picture = np.zeros((TEXELS, TEXELS, 3), np.uint8)
    quarter = TEXELS // 4
    for i in range(4):
        for j in range(4):
            block = picture[(3 - j) * quarter : (4 - j) * quarter, i * quarter : (i + 1) * quarter]
            block[::2], block[1::2] = 40 + 10 * i, 80 + 30 * j  # stripes
    plain = plain_colors(wall(picture), "none")
    assert plain.colors is not None
    middles = plain.vertices[plain.faces].mean(1)
    i, j = (middles[:, [0, 2]] / CELL).astype(int).T
    wanted = 0.5 * (40 + 10 * i + 80 + 30 * j)
    assert np.abs(plain.colors[plain.faces].mean(1)[:, 0] - wanted).max() < 4.0
    np.testing.assert_allclose(plain.face_normals(), wall(picture).face_normals(), atol=1e-7)


def test_a_wash_fades_where_flat_patches_step() -> None:
    picture = np.zeros((TEXELS, TEXELS, 3), np.uint8)
    picture[:, TEXELS // 2 :] = 240
    faded = plain_colors(wall(picture), "blurred")
    assert faded.colors is not None
    assert 5 < np.ptp(faded.colors[faded.faces][..., 0], axis=1).max() < 60  # levels within 5 cm
    assert np.ptp(faded.colors[:, 0]) > 200
    flat = plain_colors(wall(picture), "none")
    assert flat.colors is not None
    assert np.unique(flat.colors).tolist() == [0, 240]


def test_walls_that_face_other_ways_do_not_mix() -> None:
    floor = np.array([[0, 0, 0], [0.4, 0, 0], [0.4, 0.4, 0], [0, 0.4, 0]], np.float32)
    side = np.array([[0, 0, 0], [0, 0, 0.4], [0.4, 0, 0.4], [0.4, 0, 0]], np.float32)
    quads = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    colors = np.repeat(np.array([[200, 0, 0], [0, 0, 200]], np.uint8), 4, axis=0)
    for coloring in ("none", "blurred"):
        plain = plain_colors(TriangleMesh(np.concatenate([floor, side]), quads, colors), coloring)  # type: ignore[arg-type]
        assert plain.colors is not None
        np.testing.assert_array_equal(plain.colors[plain.faces].mean(1), np.repeat(colors[[0, 4]], 2, axis=0))


def test_a_home_of_vertex_colours_is_made_plain_too(original: Home, redacted: Home) -> None:
    before, after = original.scene, read_scene(redacted.file("scene.glb"))
    assert before.colors is not None and after.colors is not None
    np.testing.assert_array_equal(before.vertices[before.faces], after.vertices[after.faces])
    assert len(np.unique(after.colors[after.faces].reshape(len(after.faces), -1), axis=0)) <= len(after.faces)
    assert (np.ptp(after.colors[after.faces], axis=1) == 0).all()  # flat


def test_graphs_lose_their_notes_and_no_bit_of_what_they_compute() -> None:
    node = onnx.helper.make_node("Gemm", ["x", "w"], ["y"], name="layer", doc_string=SECRET)
    entry = node.metadata_props.add()
    entry.key, entry.value = "stack", SECRET
    weights = onnx.numpy_helper.from_array(np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32), "w")
    weights.doc_string = SECRET
    shape = [
        onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [2, k], SECRET) for n, k in (("x", 5), ("y", 3))
    ]
    graph = onnx.helper.make_graph([node], "g", shape[:1], shape[1:], [weights], doc_string=SECRET)
    model = onnx.helper.make_model(graph, producer_name="jane", doc_string=SECRET)
    model.opset_import[0].version, model.ir_version = 17, 9
    before = model.SerializeToString()
    after = without_metadata(before)
    assert SECRET.encode() in before and SECRET.encode() not in after and b"jane" not in after
    onnx.checker.check_model(onnx.load_from_string(after))
    value = np.random.default_rng(1).normal(size=(2, 5)).astype(np.float32)
    first, second = (
        onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"]).run(None, {"x": value})[0]
        for data in (before, after)
    )
    np.testing.assert_array_equal(first, second)
    assert without_metadata(after) == after


@pytest.mark.parametrize("data", [b"no graph", b"\x3a\xff", b"\x3a\x80\x80", b"\x07", b"\x0d\x00"])
def test_what_is_no_graph_is_refused(data: bytes) -> None:
    with pytest.raises(HomeError, match="not an ONNX graph"):
        without_metadata(data)


def test_the_written_glb_is_json_that_any_reader_takes(redacted: Home) -> None:
    data = redacted.file("agent.glb").read_bytes()
    length = int.from_bytes(data[12:16], "little")
    document = json.loads(data[20 : 20 + length])
    assert length % 4 == 0 and int.from_bytes(data[8:12], "little") == len(data)
    assert document["asset"] == {"version": "2.0"}
    assert [motion["name"] for motion in document["animations"]] == ["motion00"]
