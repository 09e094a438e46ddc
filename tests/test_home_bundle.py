"""A home that does not hold together is refused with one clear error, before anything in it is used."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from toy_home import make_toy_home, toy_distance, toy_skeleton, toy_volume, write_fake_policy

from ats_sim.errors import HomeError
from ats_sim.home import Home, PerceptionVolume, check_home, seal_home


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_toy_home(tmp_path_factory.mktemp("pristine") / "toy", policy=True)


@pytest.fixture
def home(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "toy"))


def reseal(home: Path) -> None:
    """What an attacker would do: hashes that match the damaged files."""
    seal_home(home, name="toy", skeleton=toy_skeleton(), T_home_scene=np.eye(4), provenance={}, metrics={})


def edit_manifest(home: Path, change: Callable[[dict], object]) -> None:
    manifest = json.loads((home / "home.json").read_text())
    change(manifest)
    (home / "home.json").write_text(json.dumps(manifest))


def test_a_sound_home_loads_with_all_its_parts(home: Path) -> None:
    assert check_home(home) == []
    loaded = Home.load(home)
    assert loaded.name == "toy" and loaded.skeleton.num_joints == 26
    assert len(loaded.scene.faces) == 24 and loaded.agent.skeleton.joint_names == loaded.skeleton.joint_names
    assert len(loaded.animations) == 1 and [path.name for path in loaded.collision_paths] == ["collision.obj"]
    assert loaded.policy_spec is not None and loaded.urdf_path.is_file()


def test_a_zip_loads_like_its_folder_with_or_without_a_top_folder(home: Path, tmp_path: Path) -> None:
    for prefix in ("", "toy/"):
        archive = tmp_path / f"home{len(prefix)}.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as stream:
            for path in home.iterdir():
                stream.write(path, prefix + path.name)
        assert check_home(archive) == []
        assert Home.load(archive).perception.agent_roots.shape == (200, 4, 4)


def test_sealing_the_same_files_gives_the_same_bytes(home: Path) -> None:
    reseal(home)
    first = (home / "home.json").read_bytes()
    reseal(home)
    assert (home / "home.json").read_bytes() == first


def drop(name: str) -> Callable[[Path], object]:
    return lambda home: (home / name).unlink()


def flip_byte(home: Path) -> None:
    data = bytearray((home / "scene.glb").read_bytes())
    data[-1] ^= 1
    (home / "scene.glb").write_bytes(bytes(data))


def grow(home: Path) -> None:
    with (home / "agent.glb").open("ab") as stream:
        stream.write(b" ")


def list_outside(name: str) -> Callable[[Path], object]:
    entry = {"sha256": "0" * 64, "size": 1}
    return lambda home: edit_manifest(home, lambda manifest: manifest["files"].__setitem__(name, entry))


def link(home: Path) -> None:
    (home.parent / "secret").write_bytes((home / "scene.glb").read_bytes())
    (home / "scene.glb").unlink()
    (home / "scene.glb").symlink_to(home.parent / "secret")


def reorder_joints(home: Path) -> None:
    names = list(toy_skeleton().joint_names)
    names[5], names[6] = names[6], names[5]
    write_fake_policy(home, toy_skeleton(), joint_names=names)
    reseal(home)


def other_clock(home: Path) -> None:
    write_fake_policy(home, toy_skeleton(), future_frames=28)
    reseal(home)


def graph_outside(home: Path) -> None:
    write_fake_policy(home, toy_skeleton(), graphs={"goal": {"file": "../goal.onnx"}})
    reseal(home)


def set_key(key: str, value: object) -> Callable[[Path], object]:
    return lambda home: edit_manifest(home, lambda manifest: manifest.__setitem__(key, value))


def no_manifest(home: Path) -> None:
    (home / "home.json").write_text("{ not json")


def deep_manifest(home: Path) -> None:
    (home / "home.json").write_text("[" * 100_000)


HOSTILE = {
    "file missing": (drop("scene.glb"), "scene.glb is missing"),
    "manifest missing": (drop("home.json"), "home.json is missing"),
    "one bit flipped": (flip_byte, "SHA-256"),
    "one byte more": (grow, "bytes, home.json says"),
    "path up": (list_outside("../secret"), "could leave the folder"),
    "path up inside": (list_outside("a/../../secret"), "could leave the folder"),
    "absolute path": (list_outside("/etc/passwd"), "could leave the folder"),
    "drive": (list_outside("C:\\secret"), "could leave the folder"),
    "null byte": (list_outside("a\0b"), "could leave the folder"),
    "long name": (list_outside("x" * 300), "no file name"),
    "symbolic link": (link, "symbolic link"),
    "joint order": (reorder_joints, "joint 5 is 'left_upper_arm'"),
    "clock": (other_clock, "future_frames is 28"),
    "graph outside": (graph_outside, "does not list"),
    "format": (set_key("format", "ats-home/9"), "ats-home/9"),
    "units": (set_key("units", {"length": "ft"}), "units"),
    "files no mapping": (set_key("files", ["scene.glb"]), "'files' is missing or no dict"),
    "skeleton": (set_key("skeleton", {"joint_names": ["root"]}), "skeleton"),
    "NaN pose": (set_key("T_home_scene", [[float("nan")] * 4] * 4), "T_home_scene"),
    "scaled pose": (set_key("T_home_scene", (2.0 * np.eye(4)).tolist()), "no rigid transform"),
    "no json": (no_manifest, "not a readable JSON"),
    "deep json": (deep_manifest, "not a readable JSON"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_damaged_or_hostile_folder_is_refused(home: Path, case: str) -> None:
    spoil, words = HOSTILE[case]
    spoil(home)
    with pytest.raises(HomeError, match=None) as caught:
        Home.load(home)
    assert words in str(caught.value)
    assert any(words in problem for problem in check_home(home))


def test_check_lists_all_problems_not_only_the_first(home: Path) -> None:
    flip_byte(home)
    grow(home)
    drop("agent.urdf")(home)
    problems = "\n".join(check_home(home))
    assert all(name in problems for name in ("scene.glb", "agent.glb", "agent.urdf"))


def test_a_home_without_policy_says_how_to_make_one(tmp_path: Path) -> None:
    folder = make_toy_home(tmp_path / "untrained")
    with pytest.raises(HomeError, match="ats train"):
        Home.load(folder)
    assert Home.load(folder, require_policy=False).policy_spec is None
    assert check_home(folder, require_policy=False) == []


@pytest.mark.parametrize("path", ["/nowhere/at/all", "file.txt", "empty"])
def test_what_is_no_home_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "file.txt").write_text("hello")
    (tmp_path / "empty").mkdir()
    with pytest.raises(HomeError):
        Home.load(tmp_path / path)


ZIPS = {
    "up": ("../evil", b"x", 0, "could leave"),
    "absolute": ("/tmp/evil", b"x", 0, "could leave"),
    "backslash": ("a\\..\\evil", b"x", 0, "could leave"),
    "link": ("evil", b"/etc/passwd", 0o120777, "link or device"),
    "device": ("evil", b"", 0o060600, "link or device"),
    "case clash": ("HOME.JSON", b"x", 0, "twice"),
    "bomb": ("bomb.bin", b"\0" * (3 * 2**20), 0, "zip bomb"),
}


@pytest.mark.parametrize("case", ZIPS)
def test_a_hostile_zip_is_refused_and_nothing_is_written(home: Path, tmp_path: Path, case: str) -> None:
    name, data, mode, words = ZIPS[case]
    archive = tmp_path / "evil.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as stream:
        for path in home.iterdir():
            stream.write(path, path.name)
        entry = zipfile.ZipInfo(name)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = mode << 16
        stream.writestr(entry, data)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(HomeError, match=words):
        Home.load(archive)
    assert sorted(tmp_path.rglob("*")) == before and not Path("/tmp/evil").exists()


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.7, 0.99])
def test_a_truncated_zip_is_refused(home: Path, tmp_path: Path, keep: float) -> None:
    archive = tmp_path / "cut.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as stream:
        for path in home.iterdir():
            stream.write(path, path.name)
    data = archive.read_bytes()
    archive.write_bytes(data[: int(keep * len(data))])
    with pytest.raises(HomeError):
        Home.load(archive)


CONTENT = {
    "volume NaN": ("perception.npz", lambda text: None, "not finite"),
    "obj index": ("collision.obj", lambda text: text + "f 1 2 99\n", "outside 1..16"),
    "obj NaN": ("collision.obj", lambda text: text.replace("v 2.500000", "v nan", 1), "not finite"),
    "obj words": ("collision.obj", lambda text: text.replace("v 2.5", "v two", 1), "does not parse"),
    "obj quads": ("collision.obj", lambda text: text.replace("f ", "f 1 ", 24), "triangles"),
    "rig ring": (
        "agent.urdf",
        lambda text: text.replace('"root"/><child link="spine1"/>', '"head"/><child link="spine1"/>'),
        "form a ring",
    ),
    "rig self": ("agent.urdf", lambda text: text.replace('parent link="root"', 'parent link="spine1"', 1), "tree"),
    "rig mass": ("agent.urdf", lambda text: text.replace('value="0.1"', 'value="nan"', 1), "not finite"),
    "rig place": ("agent.urdf", lambda text: text.replace('xyz="0.05', 'xyz="0.35', 1), "away from the skeleton"),
    "rig mesh": (
        "agent.urdf",
        lambda text: text.replace('<capsule radius="0.02" length="0.02"/>', '<mesh filename="/etc/passwd"/>', 1),
        "only capsule",
    ),
    "rig entities": ("agent.urdf", lambda text: '<!DOCTYPE robot [<!ENTITY a "b">]>' + text, "entities"),
    "rig no XML": ("agent.urdf", lambda text: text[:200], "not XML"),
}  # fmt: skip


@pytest.mark.parametrize("case", CONTENT)
def test_hostile_contents_with_right_hashes_are_refused(home: Path, case: str) -> None:
    name, change, words = CONTENT[case]
    if name == "perception.npz":
        with np.load(home / name) as stored:
            arrays = dict(stored)
        arrays["sdf"][3, 3, 3] = np.nan
        np.savez(home / name, **arrays)
    else:
        (home / name).write_text(change((home / name).read_text()))
    reseal(home)
    problems = check_home(home)
    assert len(problems) == 1 and words in problems[0]


def test_a_volume_that_claims_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "perception.npz"
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (100000, 100000), }"
    header += b" " * (118 - len(header) - 1) + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("sdf.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(HomeError, match="claims shape"):
        PerceptionVolume.read(path)


@pytest.mark.parametrize("seed", range(20))
def test_random_damage_gives_our_error_or_a_sound_home(home: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    name = ["home.json", "perception.npz", "agent.urdf", "collision.obj"][seed % 4]
    data = bytearray((home / name).read_bytes())
    for at in rng.integers(0, len(data), 20):
        data[at] = rng.integers(0, 256)
    (home / name).write_bytes(bytes(data))
    if name != "home.json":
        reseal(home)
    assert isinstance(check_home(home), list)


def test_distances_match_the_closed_form() -> None:
    volume = toy_volume()
    points = np.random.default_rng(0).uniform([-2.4, -1.9, 0.1], [2.4, 1.9, 2.4], (4000, 3))
    error = np.abs(volume.sample_sdf(points) - toy_distance(points))
    assert error.max() < 0.03 and error.mean() < 2e-3
    assert (volume.sample_sdf(points + 100.0) == -1.0).all() and volume.sample_sdf(np.full(3, np.nan)) == -1.0
    gradient = volume.sdf_gradient(np.array([[-2.4, 0.0, 1.0], [0.0, 0.0, 0.1]]))
    np.testing.assert_allclose(gradient, [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], atol=0.02)


def test_the_floor_plan_ends_at_the_walls() -> None:
    volume = toy_volume()
    inside = volume.inside_floor_plan(np.array([[0.0, 0.0], [2.4, 1.9], [2.7, 0.0], [50.0, 0.0]]))
    assert inside.tolist() == [True, True, False, False]
