"""Meshes and animated agents as self-contained glTF files (`.glb`).

glTF is y-up, ats-sim z-up. The change of axes happens here and only here, as a change of basis of everything (points,
joint frames, poses): x stays, z becomes y, y becomes -z. So the files are plain glTF that any viewer opens upright.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.errors import ArrayError, HomeError
from ats_sim.geometry import exp_so3, inverse, log_so3, matrix_from_quaternion, quaternion_from_matrix, rigid
from ats_sim.glb import ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER, GlbReader, GlbWriter
from ats_sim.gltf_colors import decode_colors, decode_picture, encode_colors, encode_picture
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.skeleton import Skeleton

MAX_KEYS = 2_000_000
BIND_TOLERANCE = 1e-3
Y_UP: Array = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""glTF axes from ours: `y_up_point = Y_UP @ z_up_point`."""
UNLIT = "KHR_materials_unlit"


@dataclass(frozen=True, eq=False)
class Animation:
    """A recorded motion: root poses and joint rotations at rising times; linear in between."""

    name: str
    """What viewers call it, such as the video's name."""
    time: Array
    """(N,) seconds, rising, from 0 or later."""
    T_world_root: Array
    """(N, 4, 4) root poses."""
    joint_rotations: Array
    """(N, J, 3) axis-angle after the rest rotation; the root's row is zero."""

    def __post_init__(self) -> None:
        time = checked("animation.time", self.time, (None,))
        roots = checked("animation.T_world_root", self.T_world_root, (len(time), 4, 4))
        rotations = checked("animation.joint_rotations", self.joint_rotations, (len(time), None, 3))
        if len(time) == 0 or time[0] < 0 or (np.diff(time) <= 0).any():
            raise ArrayError(f"animation '{self.name}': times must rise strictly from 0 or later")
        object.__setattr__(self, "time", time)
        object.__setattr__(self, "T_world_root", roots)
        object.__setattr__(self, "joint_rotations", rotations)


def write_scene(
    path: Path, mesh: TriangleMesh, *, unlit: bool = True, texture_format: Literal["jpeg", "png"] = "jpeg"
) -> None:
    """Write a mesh; `unlit` tells viewers that light is already in its colours. Atomic.

    A texture is embedded, as JPEG (small) or PNG (exact).
    """
    writer = GlbWriter()
    attributes = _write_attributes(writer, mesh)
    _write_surface(writer, mesh, attributes, unlit, texture_format)
    node = writer.add("nodes", {"name": "scene", "mesh": 0})
    writer.document |= {"scene": 0, "scenes": [{"nodes": [node]}]}
    writer.write(path)


def read_scene(path: Path) -> TriangleMesh:
    """Read a mesh that `write_scene` wrote (or any GLB with one mesh of triangles at the origin).

    Raises:
        HomeError: If the file is missing, damaged, hostile or no such mesh.
    """
    reader = GlbReader.open(path)
    with _strict(reader.path):
        nodes = [node for node in reader.document.get("nodes", []) if "mesh" in node]
        if len(nodes) != 1 or {"matrix", "rotation", "translation", "scale"} & set(nodes[0]):
            raise HomeError(f"{path}: want one mesh node without a transform, found {len(nodes)}")
        return _read_mesh(reader, nodes[0]["mesh"])[0]


def write_agent(path: Path, skinned: SkinnedMesh, animations: Sequence[Animation]) -> None:
    """Write a skinned agent with its motions as animations of linear key frames. Atomic.

    Raises:
        ArrayError: If an animation has another number of joints than the skeleton.
    """
    writer, skeleton = GlbWriter(), skinned.skeleton
    attributes = _write_attributes(writer, skinned.mesh, normals=True)
    attributes |= _write_skin(writer, skinned)
    _write_surface(writer, skinned.mesh, attributes, unlit=False, texture_format="png")
    joints = _write_joints(writer, skeleton)
    writer.add("skins", _skin(writer, skeleton, joints))
    # The skinned mesh must not hang below a joint, or viewers would move it twice.
    mesh_node = writer.add("nodes", {"name": "agent", "mesh": 0, "skin": 0})
    for animation in animations:
        _write_animation(writer, skeleton, joints, animation)
    writer.document |= {"scene": 0, "scenes": [{"nodes": [mesh_node, joints[0]]}]}
    writer.write(path)


def read_agent(path: Path) -> tuple[SkinnedMesh, list[Animation]]:
    """Read an agent that `write_agent` wrote.

    Raises:
        HomeError: If the file is missing, damaged, hostile or holds no such agent.
    """
    reader = GlbReader.open(path)
    with _strict(reader.path):
        skins = [node for node in reader.document.get("nodes", []) if "skin" in node]
        if len(skins) != 1:
            raise HomeError(f"{path}: want one skinned mesh, found {len(skins)}")
        skin = reader.entry("skins", skins[0]["skin"])
        skeleton = _read_skeleton(reader, skin)
        mesh, attributes = _read_mesh(reader, skins[0]["mesh"])
        joints = reader.array(attributes["JOINTS_0"], "VEC4", (np.uint8, np.uint16))
        weights = reader.array(attributes["WEIGHTS_0"], "VEC4", (np.float32,))
        skinned = SkinnedMesh(mesh, joints.astype(np.int32), weights, skeleton)
        entries = reader.document.get("animations", [])
        return skinned, [_read_animation(reader, entry, skeleton, skin["joints"]) for entry in entries]


@contextmanager
def _strict(path: Path) -> Iterator[None]:
    """Turn whatever a malformed document trips over into one clear error."""
    try:
        yield
    except (ArrayError, KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise HomeError(f"{path}: not a glTF file of the kind ats-sim writes ({error!r})") from error


def _write_attributes(writer: GlbWriter, mesh: TriangleMesh, normals: bool = False) -> dict[str, int]:
    points = (mesh.vertices @ Y_UP.T).astype(np.float32)
    attributes = {"POSITION": writer.array(points, target=ARRAY_BUFFER, bounds=True)}
    if normals:
        directions = (mesh.vertex_normals() @ Y_UP.T).astype(np.float32)
        attributes["NORMAL"] = writer.array(directions, target=ARRAY_BUFFER)
    if mesh.uv is not None:
        attributes["TEXCOORD_0"] = writer.array(mesh.uv, target=ARRAY_BUFFER)
    if mesh.colors is not None:
        colors = encode_colors(mesh.colors)
        attributes["COLOR_0"] = writer.array(colors, target=ARRAY_BUFFER, normalized=True)
    return attributes


def _write_surface(
    writer: GlbWriter, mesh: TriangleMesh, attributes: dict[str, int], unlit: bool, texture_format: str
) -> None:
    indices = mesh.faces.reshape(-1).astype(np.uint32)
    shading: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 1.0}
    if mesh.texture is not None:
        data = encode_picture(mesh.texture, texture_format)
        writer.add("images", {"mimeType": f"image/{texture_format}", "bufferView": writer.view(data)})
        writer.add("textures", {"source": 0})
        shading["baseColorTexture"] = {"index": 0}
    material: dict[str, Any] = {"pbrMetallicRoughness": shading}
    if unlit:
        material["extensions"] = {UNLIT: {}}
        writer.document["extensionsUsed"] = [UNLIT]
    primitive = {
        "attributes": attributes,
        "indices": writer.array(indices, target=ELEMENT_ARRAY_BUFFER),
        "material": writer.add("materials", material),
    }
    writer.add("meshes", {"primitives": [primitive]})


def _write_skin(writer: GlbWriter, skinned: SkinnedMesh) -> dict[str, int]:
    """Joints and weights as the standard wants them: no joint twice at a vertex, weights that sum to 1 in float32, and
    joint 0 where there is none."""
    weights = np.where(skinned.skin_weights < 1e-6, np.float32(0), skinned.skin_weights)
    for later, earlier in ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)):
        same = skinned.skin_joints[:, later] == skinned.skin_joints[:, earlier]
        weights[same, earlier] += weights[same, later]
        weights[same, later] = 0.0
    weights = (weights / weights.sum(1, keepdims=True, dtype=np.float32)).astype(np.float32)
    joints = np.where(weights > 0, skinned.skin_joints, 0).astype(np.uint16)
    return {
        "JOINTS_0": writer.array(joints, target=ARRAY_BUFFER),
        "WEIGHTS_0": writer.array(weights, target=ARRAY_BUFFER),
    }


def _read_mesh(reader: GlbReader, index: object) -> tuple[TriangleMesh, dict[str, Any]]:
    primitives = reader.entry("meshes", index)["primitives"]
    if len(primitives) != 1 or primitives[0].get("mode", 4) != 4:
        raise HomeError(f"{reader.path}: want one primitive of triangles, found {len(primitives)}")
    attributes = primitives[0]["attributes"]
    points = reader.array(attributes["POSITION"], "VEC3", (np.float32,)) @ Y_UP
    faces = reader.array(primitives[0]["indices"], "SCALAR", (np.uint16, np.uint32))
    if len(faces) % 3 or int(faces.max()) >= len(points):
        raise HomeError(f"{reader.path}: {len(faces)} indices up to {faces.max()} for {len(points)} vertices")
    colors = uv = texture = None
    if "COLOR_0" in attributes:
        colors = decode_colors(reader.array(attributes["COLOR_0"], "VEC4", (np.uint16,)))
    if "TEXCOORD_0" in attributes and reader.document.get("images"):
        uv = reader.array(attributes["TEXCOORD_0"], "VEC2", (np.float32,))
        texture = decode_picture(reader.view(reader.entry("images", 0)["bufferView"]), reader.path)
    mesh = TriangleMesh(points.astype(np.float32), faces.reshape(-1, 3).astype(np.int32), colors, uv, texture)
    return mesh, attributes


def _write_joints(writer: GlbWriter, skeleton: Skeleton) -> list[int]:
    """One node per joint in its rest pose; children refer to nodes that follow."""
    rest, first = _y_up_pose(skeleton.joint_rest), len(writer.document.get("nodes", []))
    for joint, name in enumerate(skeleton.joint_names):
        rotation = quaternion_from_matrix(rest[joint, :3, :3])
        node: dict[str, Any] = {
            "name": name,
            "translation": rest[joint, :3, 3].tolist(),
            "rotation": rotation.tolist(),
        }
        children = np.flatnonzero(skeleton.joint_parents == joint)
        if len(children):
            node["children"] = [first + int(child) for child in children]
        writer.add("nodes", node)
    return list(range(first, first + skeleton.num_joints))


def _skin(writer: GlbWriter, skeleton: Skeleton, joints: list[int]) -> dict[str, Any]:
    binds = inverse(_y_up_pose(skeleton.rest_transforms)).astype(np.float32)
    binds[:, 3] = [0.0, 0.0, 0.0, 1.0]
    return {"joints": joints, "skeleton": joints[0], "inverseBindMatrices": writer.array(binds)}


def _read_skeleton(reader: GlbReader, skin: dict[str, Any]) -> Skeleton:
    nodes = [reader.entry("nodes", index) for index in skin["joints"]]
    order = {index: joint for joint, index in enumerate(skin["joints"])}
    parents = np.full(len(nodes), -1)
    for joint, node in enumerate(nodes):
        for child in node.get("children", []):
            parents[order[child]] = joint
    rotation = matrix_from_quaternion(np.array([checked("rotation", n["rotation"], (4,)) for n in nodes]))
    rest = rigid(rotation, np.array([checked("translation", node["translation"], (3,)) for node in nodes]))
    skeleton = Skeleton(tuple(str(node["name"]) for node in nodes), parents, _z_up_pose(rest))
    binds = reader.array(skin["inverseBindMatrices"], "MAT4", (np.float32,))
    wanted = inverse(_y_up_pose(skeleton.rest_transforms))
    if binds.shape != wanted.shape or np.abs(binds - wanted).max() > BIND_TOLERANCE:
        raise HomeError(f"{reader.path}: its inverse bind matrices do not belong to the rest pose of its joints")
    return skeleton


def _write_animation(writer: GlbWriter, skeleton: Skeleton, joints: list[int], animation: Animation) -> None:
    if animation.joint_rotations.shape[1] != skeleton.num_joints:
        raise ArrayError(
            f"animation '{animation.name}': {animation.joint_rotations.shape[1]} joints, want {skeleton.num_joints}"
        )
    local = skeleton.joint_rest[:, :3, :3] @ exp_so3(animation.joint_rotations)
    local[:, 0] = animation.T_world_root[:, :3, :3]
    quaternions = continuous(quaternion_from_matrix(Y_UP @ local @ Y_UP.T)).astype(np.float32)
    places = (animation.T_world_root[:, :3, 3] @ Y_UP.T).astype(np.float32)
    clock = writer.array(animation.time.astype(np.float32), bounds=True)
    outputs = [(joints[0], "translation", places)]
    outputs += [(node, "rotation", quaternions[:, joint]) for joint, node in enumerate(joints)]
    samplers = [{"input": clock, "interpolation": "LINEAR", "output": writer.array(o)} for _, _, o in outputs]
    channels = [{"sampler": i, "target": {"node": n, "path": p}} for i, (n, p, _) in enumerate(outputs)]
    writer.add("animations", {"name": animation.name, "samplers": samplers, "channels": channels})


def _read_animation(reader: GlbReader, entry: dict[str, Any], skeleton: Skeleton, joints: list[int]) -> Animation:
    tracks = {(c["target"]["node"], c["target"]["path"]): entry["samplers"][c["sampler"]] for c in entry["channels"]}
    clock = tracks[joints[0], "translation"]["input"]
    if any(sampler["input"] != clock or sampler.get("interpolation") != "LINEAR" for sampler in tracks.values()):
        raise HomeError(f"{reader.path}: animation '{entry.get('name')}' has no common clock with linear keys")
    time = reader.array(clock, "SCALAR", (np.float32,)).astype(np.float64)
    if len(time) * len(joints) > MAX_KEYS:
        raise HomeError(f"{reader.path}: animation '{entry.get('name')}' has {len(time)} key frames, too many")
    rotations = [reader.array(tracks[node, "rotation"]["output"], "VEC4", (np.float32,)) for node in joints]
    local = Y_UP.T @ matrix_from_quaternion(np.stack(rotations, axis=1).astype(np.float64)) @ Y_UP
    places = reader.array(tracks[joints[0], "translation"]["output"], "VEC3", (np.float32,)) @ Y_UP
    turned = log_so3(np.swapaxes(skeleton.joint_rest[:, :3, :3], -1, -2) @ local)
    turned[:, 0] = 0.0
    return Animation(str(entry.get("name", "")), time, rigid(local[:, 0], places), turned)


def _y_up_pose(poses: Array) -> Array:
    return rigid(Y_UP @ poses[..., :3, :3] @ Y_UP.T, poses[..., :3, 3] @ Y_UP.T)


def _z_up_pose(poses: Array) -> Array:
    return rigid(Y_UP.T @ poses[..., :3, :3] @ Y_UP, poses[..., :3, 3] @ Y_UP)


def continuous(quaternions: Array) -> Array:
    """Flip signs along time (N, J, 4) so that linear blending takes the short way."""
    dots = (quaternions[1:] * quaternions[:-1]).sum(-1)
    signs = np.cumprod(np.where(dots < 0, -1.0, 1.0), axis=0)
    return np.concatenate([quaternions[:1], quaternions[1:] * signs[..., None]])
