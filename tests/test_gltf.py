"""glTF files come back as they were written, stand upright in any viewer, and bad ones are refused."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from ats_sim.errors import HomeError
from ats_sim.gltf import Animation, read_agent, read_scene, write_agent, write_scene
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.skeleton import Skeleton

RNG = np.random.default_rng(3)


def rotation(rng: np.random.Generator) -> np.ndarray:
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def pose(rng: np.random.Generator) -> np.ndarray:
    transform = np.eye(4)
    transform[:3, :3], transform[:3, 3] = rotation(rng), rng.uniform(-1, 1, 3)
    return transform


def make_agent() -> tuple[SkinnedMesh, Animation]:
    rng = np.random.default_rng(0)
    rest = np.stack([np.eye(4)] + [pose(rng) for _ in range(4)])
    skeleton = Skeleton(("root", "a", "b", "c", "d"), np.array([-1, 0, 1, 1, 0]), rest)
    vertices = rng.uniform(-1, 1, (30, 3)).astype(np.float32)
    mesh = TriangleMesh(vertices, rng.integers(0, 30, (40, 3)), rng.integers(0, 256, (30, 3)))
    weights = rng.dirichlet(np.ones(4), 30).astype(np.float32)
    skinned = SkinnedMesh(mesh, rng.integers(0, 5, (30, 4)), weights, skeleton)
    rotations = rng.normal(size=(12, 5, 3))
    rotations[:, 0] = 0
    return skinned, Animation("v00", np.arange(12) / 10, np.stack([pose(rng) for _ in range(12)]), rotations)


def quad(texture: bool) -> TriangleMesh:
    vertices = np.float32([[0, 0, 0], [1, 0, 0], [1, 2, 0], [0, 2, 3]])
    faces = np.int32([[0, 1, 2], [0, 2, 3]])
    if not texture:
        return TriangleMesh(vertices, faces, colors=np.uint8([[0, 1, 2], [255, 128, 64], [10, 20, 30], [250, 5, 99]]))
    picture = RNG.integers(0, 256, (9, 7, 3), dtype=np.uint8)
    return TriangleMesh(vertices, faces, uv=np.float32([[0, 0], [1, 0], [1, 1], [0, 0.5]]), texture=picture)


@pytest.mark.parametrize("texture", [False, True])
def test_scene_comes_back_exactly(tmp_path: Path, texture: bool) -> None:
    mesh = quad(texture)
    write_scene(tmp_path / "scene.glb", mesh, texture_format="png")
    back = read_scene(tmp_path / "scene.glb")
    for name in ("vertices", "faces", "colors", "uv", "texture"):
        np.testing.assert_array_equal(getattr(back, name), getattr(mesh, name), err_msg=name)


def test_files_are_y_up_for_another_reader(tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    write_scene(tmp_path / "scene.glb", quad(False))
    loaded = trimesh.load(tmp_path / "scene.glb", force="mesh", process=False)
    mine = quad(False).vertices
    np.testing.assert_allclose(loaded.vertices[:, 1].max(), mine[:, 2].max())  # our z is their y
    np.testing.assert_allclose(loaded.vertices[:, 2], -mine[:, 1])


def test_agent_comes_back(tmp_path: Path) -> None:
    skinned, motion = make_agent()
    write_agent(tmp_path / "agent.glb", skinned, [motion])
    back, (animation,) = read_agent(tmp_path / "agent.glb")
    assert back.skeleton.joint_names == skinned.skeleton.joint_names
    np.testing.assert_array_equal(back.skeleton.joint_parents, skinned.skeleton.joint_parents)
    np.testing.assert_allclose(back.skeleton.joint_rest, skinned.skeleton.joint_rest, atol=1e-6)
    np.testing.assert_allclose(back.mesh.vertices, skinned.mesh.vertices, atol=1e-6)
    np.testing.assert_array_equal(back.mesh.colors, skinned.mesh.colors)
    for frame in range(12):
        before = skinned.posed(motion.T_world_root[frame], motion.joint_rotations[frame])
        after = back.posed(animation.T_world_root[frame], animation.joint_rotations[frame])
        np.testing.assert_allclose(after, before, atol=1e-5)


def parse(path: Path) -> tuple[dict, bytes]:
    data = path.read_bytes()
    (length,) = struct.unpack_from("<I", data, 12)
    return json.loads(data[20 : 20 + length]), data[28 + length :]


def floats(document: dict, blob: bytes, accessor: int) -> np.ndarray:
    entry = document["accessors"][accessor]
    width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}[entry["type"]]
    offset = document["bufferViews"][entry["bufferView"]]["byteOffset"]
    return np.frombuffer(blob, "<f4", entry["count"] * width, offset).reshape(entry["count"], width).astype(float)


def turn(q: np.ndarray) -> np.ndarray:
    x, y, z, w = q
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def play(document: dict, blob: bytes, frame: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Joint places and skinned vertices (y-up) of one key frame, by the letter of the glTF standard."""
    nodes = json.loads(json.dumps(document["nodes"]))
    animation = document["animations"][0]
    for channel in animation["channels"]:
        sampler = animation["samplers"][channel["sampler"]]
        value = floats(document, blob, sampler["output"])[frame]
        nodes[channel["target"]["node"]][channel["target"]["path"]] = value
    world: dict[int, np.ndarray] = {}

    def visit(index: int, parent: np.ndarray) -> None:
        local = np.eye(4)
        local[:3, :3] = turn(np.asarray(nodes[index].get("rotation", [0, 0, 0, 1])))
        local[:3, 3] = nodes[index].get("translation", [0, 0, 0])
        world[index] = parent @ local
        for child in nodes[index].get("children", []):
            visit(child, world[index])

    for index in document["scenes"][0]["nodes"]:
        visit(index, np.eye(4))
    skin, primitive = document["skins"][0], document["meshes"][0]["primitives"][0]
    binds = floats(document, blob, skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
    maps = np.stack([world[joint] for joint in skin["joints"]]) @ binds
    points = floats(document, blob, primitive["attributes"]["POSITION"])
    weights = floats(document, blob, primitive["attributes"]["WEIGHTS_0"])
    entry = document["accessors"][primitive["attributes"]["JOINTS_0"]]
    offset = document["bufferViews"][entry["bufferView"]]["byteOffset"]
    joints = np.frombuffer(blob, "<u2", len(points) * 4, offset).reshape(-1, 4)
    blend = np.einsum("vk,vkij->vij", weights, maps[joints])
    skinned = np.einsum("vij,vj->vi", blend[:, :3, :3], points) + blend[:, :3, 3]
    return {nodes[j]["name"]: world[j][:3, 3] for j in skin["joints"]}, skinned


def test_kinematics_by_the_letter_of_the_standard(tmp_path: Path) -> None:
    skinned, motion = make_agent()
    write_agent(tmp_path / "agent.glb", skinned, [motion])
    document, blob = parse(tmp_path / "agent.glb")
    mesh_node = document["skins"][0]["joints"]
    assert all(document["nodes"].index(n) not in mesh_node for n in document["nodes"] if "mesh" in n)
    for frame in (0, 5, 11):
        places, points = play(document, blob, frame)
        wanted = skinned.skeleton.forward_kinematics(motion.T_world_root[frame], motion.joint_rotations[frame])
        for joint, name in enumerate(skinned.skeleton.joint_names):
            x, y, z = places[name]
            np.testing.assert_allclose([x, -z, y], wanted[joint, :3, 3], atol=1e-3)
        posed = skinned.posed(motion.T_world_root[frame], motion.joint_rotations[frame])
        np.testing.assert_allclose(np.stack([points[:, 0], -points[:, 2], points[:, 1]], 1), posed, atol=1e-3)


def test_files_keep_the_standard_s_rules(tmp_path: Path) -> None:
    skinned, motion = make_agent()
    write_agent(tmp_path / "agent.glb", skinned, [motion])
    document, blob = parse(tmp_path / "agent.glb")
    weights = floats(document, blob, document["meshes"][0]["primitives"][0]["attributes"]["WEIGHTS_0"])
    assert np.abs(weights.astype(np.float32).sum(1) - 1).max() < 2e-7 * 4
    for animation in document["animations"]:
        clock = document["accessors"][animation["samplers"][0]["input"]]
        assert clock["min"] == [0.0] and clock["max"] == [pytest.approx(1.1)]
        for channel in animation["channels"]:
            keys = floats(document, blob, animation["samplers"][channel["sampler"]]["output"])
            if channel["target"]["path"] == "rotation":
                assert ((keys[1:] * keys[:-1]).sum(1) >= 0).all()
                np.testing.assert_allclose(np.linalg.norm(keys, axis=1), 1, atol=1e-6)
    for view in document["bufferViews"]:
        assert view["byteOffset"] % 4 == 0


def test_another_library_opens_the_agent(tmp_path: Path) -> None:
    pygltflib = pytest.importorskip("pygltflib")
    skinned, motion = make_agent()
    write_agent(tmp_path / "agent.glb", skinned, [motion])
    loaded = pygltflib.GLTF2().load(str(tmp_path / "agent.glb"))
    assert len(loaded.skins) == 1 and len(loaded.skins[0].joints) == 5 and loaded.animations[0].name == "v00"


def rewrite(path: Path, change: object) -> None:
    document, blob = parse(path)
    change(document)  # type: ignore[operator]
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    size = 28 + len(text) + len(blob)
    header = struct.pack("<IIIII", 0x46546C67, 2, size, len(text), 0x4E4F534A)
    path.write_bytes(header + text + struct.pack("<II", len(blob), 0x004E4942) + blob)


def outside(document: dict) -> None:
    document["buffers"][0]["uri"] = "../../etc/passwd"


def wild_index(document: dict) -> None:
    document["accessors"][0]["count"] = 10**9


def no_skin(document: dict) -> None:
    document.pop("skins")


def negative_view(document: dict) -> None:
    document["bufferViews"][0]["byteOffset"] = -4


def twisted_bind(document: dict) -> None:
    document["nodes"][2]["translation"] = [5.0, 0.0, 0.0]


def foreign_extension(document: dict) -> None:
    document["extensionsRequired"] = ["KHR_draco_mesh_compression"]


def list_for_object(document: dict) -> None:
    document["meshes"] = [[]]


def loop(document: dict) -> None:
    document["nodes"][3]["children"] = [1]


@pytest.mark.parametrize(
    "change",
    [outside, wild_index, no_skin, negative_view, twisted_bind, foreign_extension, list_for_object, loop],
)
def test_hostile_documents_are_refused(tmp_path: Path, change: object) -> None:
    path = tmp_path / "agent.glb"
    skinned, motion = make_agent()
    write_agent(path, skinned, [motion])
    rewrite(path, change)
    with pytest.raises(HomeError, match=r"agent\.glb"):
        read_agent(path)


def test_truncated_and_corrupt_files_are_refused(tmp_path: Path) -> None:
    skinned, motion = make_agent()
    write_agent(tmp_path / "agent.glb", skinned, [motion])
    data = (tmp_path / "agent.glb").read_bytes()
    broken = tmp_path / "broken.glb"
    for keep in (0, 3, 19, 100, len(data) // 2, len(data) - 1):
        broken.write_bytes(data[:keep])
        with pytest.raises(HomeError):
            read_agent(broken)
    broken.write_bytes(b"PNG!" + data[4:])
    with pytest.raises(HomeError):
        read_scene(broken)
    with pytest.raises(HomeError, match="cannot be read"):
        read_agent(tmp_path / "missing.glb")


def test_nan_in_the_buffer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scene.glb"
    write_scene(path, quad(False))
    data = bytearray(path.read_bytes())
    (length,) = struct.unpack_from("<I", data, 12)
    data[28 + length : 32 + length] = struct.pack("<f", float("nan"))
    path.write_bytes(bytes(data))
    with pytest.raises(HomeError, match="NaN"):
        read_scene(path)
