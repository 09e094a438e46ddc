"""What Blender sees in a glTF or USD file, written to an npz. Runs inside Blender's Python, without ats-sim.

    BLENDER_PYTHON benchmarks/blender_probe.py FILE OUT.npz [--times 0 1.5 ...] [--picture PICTURE.png]

BLENDER_PYTHON is a Python in which `import bpy` works (`pip install bpy`). Positions are in Blender's world: metres,
z up, which is ats-sim's own frame. For every animation and time the file holds the bones' heads and the bent mesh.
"""

import argparse
from pathlib import Path
from typing import Any

import bpy
import numpy as np

FPS = 30


def main() -> None:
    """Open the file and write down what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--times", type=float, nargs="*", default=[0.0], help="seconds into each animation")
    parser.add_argument("--picture", type=Path, help="draw it, as the camera of a passer-by sees it")
    options = parser.parse_args()
    open_file(options.file)
    meshes = [thing for thing in bpy.data.objects if thing.type == "MESH" and not thing.hide_get()]
    rigs = [thing for thing in bpy.data.objects if thing.type == "ARMATURE"]
    # The importer's own bone shape is a mesh too, and no part of the file.
    shapes = {bone.custom_shape for rig in rigs for bone in rig.pose.bones}
    meshes = [mesh for mesh in meshes if mesh not in shapes]
    found: dict[str, Any] = {"version": bpy.app.version_string, "meshes": len(meshes), "rigs": len(rigs)}
    found |= surface(meshes[0])
    if rigs:
        found |= motion(rigs[0], meshes[0], options.times)
    if options.picture:
        draw(options.picture, points(meshes[0]))
    np.savez(options.output, **found)


def open_file(path: Path) -> None:
    """Import a file into an empty scene."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = FPS
    if path.suffix == ".glb":
        bpy.ops.import_scene.gltf(filepath=str(path))
    else:
        bpy.ops.wm.usd_import(filepath=str(path))


def surface(mesh: Any) -> dict[str, Any]:
    """The unbent mesh and what it is painted with."""
    nodes = [node for slot in mesh.material_slots for node in slot.material.node_tree.nodes]
    pictures = [node.image for node in nodes if node.type == "TEX_IMAGE" and node.image]
    return {
        "points": points(mesh),
        "triangles": sum(len(face.vertices) - 2 for face in mesh.data.polygons),
        "uv_layers": len(mesh.data.uv_layers),
        "color_layers": len(mesh.data.color_attributes),
        "textures": np.array([tuple(picture.size) for picture in pictures]).reshape(-1, 2),
    }


def points(mesh: Any) -> np.ndarray:
    """(V, 3) world positions of the mesh as the scene stands now."""
    bent = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    flat = np.empty(3 * len(bent.vertices), dtype=np.float32)
    bent.vertices.foreach_get("co", flat)
    world = np.array(mesh.matrix_world)
    return flat.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3]


def motion(rig: Any, mesh: Any, times: list[float]) -> dict[str, Any]:
    """Bones at rest, and for every animation and time their heads (A, T, J, 3) and the mesh (A, T, V, 3)."""
    world = np.array(rig.matrix_world)
    rest = [world @ np.append(bone.head_local, 1.0) for bone in rig.data.bones]
    names = sorted(action.name for action in bpy.data.actions)
    heads, bent = [], []
    for name in names:
        play(rig, bpy.data.actions[name])
        for time in times:
            frame = time * FPS
            bpy.context.scene.frame_set(int(frame), subframe=frame - int(frame))
            posed = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
            heads.append([np.array(posed.matrix_world) @ np.append(bone.head, 1.0) for bone in posed.pose.bones])
            bent.append(points(mesh))
    shape = (len(names), len(times), -1, 3)
    return {
        "bones": np.array([bone.name for bone in rig.data.bones]),
        "parents": np.array([bone.parent.name if bone.parent else "" for bone in rig.data.bones]),
        "rest_heads": np.array(rest)[:, :3],
        "animations": np.array(names),
        "ends": np.array([bpy.data.actions[name].frame_range[1] / FPS for name in names]),
        "heads": np.array(heads)[..., :3].reshape(shape),
        "bent": np.array(bent).reshape(shape),
    }


def play(rig: Any, action: Any) -> None:
    """Let one animation and nothing else move the rig."""
    data = rig.animation_data or rig.animation_data_create()
    for track in data.nla_tracks:
        track.mute = True
    data.action = action
    if hasattr(data, "action_slot") and action.slots:
        data.action_slot = action.slots[0]


def draw(path: Path, shape: np.ndarray) -> None:
    """Render what is there with Cycles on the processor, from the side, a little above."""
    from mathutils import Vector

    low, high = shape.min(0), shape.max(0)
    middle, size = Vector((low + high) / 2), float(np.linalg.norm(high - low))
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.location = middle + Vector((0.5, -0.8, 0.6)).normalized() * size * 1.2
    camera.rotation_euler = (middle - camera.location).to_track_quat("-Z", "Y").to_euler()
    sun = bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN"))
    sun.data.energy, sun.rotation_euler = 3.0, (0.6, 0.3, 0.0)
    for thing in (camera, sun):
        bpy.context.scene.collection.objects.link(thing)
    scene = bpy.context.scene
    scene.camera, scene.world = camera, bpy.data.worlds.new("world")
    scene.render.engine, scene.cycles.samples, scene.cycles.device = "CYCLES", 8, "CPU"
    scene.view_settings.view_transform = "Standard"
    scene.render.resolution_x, scene.render.resolution_y = 640, 400
    scene.render.filepath = str(path.resolve())
    bpy.ops.render.render(write_still=True)


if __name__ == "__main__":
    main()
