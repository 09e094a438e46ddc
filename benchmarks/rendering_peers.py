"""The same frames drawn by other renderers, each in a process of its own; needs nothing but numpy and the renderer.

    python benchmarks/rendering_peers.py NAME JOB.npz WIDTH HEIGHT FRAMES

Called by benchmarks.rendering, which writes the job: a textured home, the agent's vertices in every frame, the cameras.
Prints one line of JSON with the seconds of every frame.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Draw = Callable[[int], np.ndarray]
GL_FROM_CV = np.diag([1.0, -1.0, -1.0, 1.0])


def raw_pyrender(job: Any, width: int, height: int, *, shadow: bool = False) -> tuple[str, Draw]:
    """pyrender's own lit pictures; the agent is added anew, since pyrender never uploads a mesh twice."""
    os.environ.setdefault("PYOPENGL_PLATFORM", "egl")
    np.infty = np.inf  # type: ignore[attr-defined]
    import pyrender

    scene = pyrender.Scene(ambient_light=np.full(3, 0.4))
    texture = pyrender.Texture(source=job["texture"], source_channels="RGB")
    material = pyrender.MetallicRoughnessMaterial(baseColorTexture=texture, metallicFactor=0.0, doubleSided=True)
    uv = job["uv"] * [1.0, -1.0] + [0.0, 1.0]
    home = pyrender.Primitive(job["vertices"], indices=job["faces"], texcoord_0=uv, material=material)
    home.normals = job["normals"]
    scene.add(pyrender.Mesh([home]))
    lamp = np.eye(4)
    lamp[:3, 3] = [0.5, 0.5, 4.0]
    scene.add(pyrender.DirectionalLight(intensity=3.0), pose=lamp)
    camera = scene.add(pyrender.PerspectiveCamera(float(job["fov"]), aspectRatio=width / height, znear=0.02))
    canvas = pyrender.OffscreenRenderer(width, height)
    flags = pyrender.RenderFlags.SHADOWS_DIRECTIONAL if shadow else pyrender.RenderFlags.NONE
    colors = np.concatenate([job["agent_colors"], np.full((len(job["agent_colors"]), 1), 255, np.uint8)], axis=1)
    agent: list[Any] = []

    def draw(index: int) -> np.ndarray:
        if agent:
            scene.remove_node(agent.pop())
        primitive = pyrender.Primitive(
            job["agent_vertices"][index],
            normals=job["agent_normals"][index],
            indices=job["agent_faces"],
            color_0=colors,
        )
        agent.append(scene.add(pyrender.Mesh([primitive])))
        scene.set_pose(camera, job["cameras"][index] @ GL_FROM_CV)
        color, depth = canvas.render(scene, flags=flags)
        assert depth.shape == (height, width)
        return np.asarray(color)

    return "RGB-D", draw


def pybullet_tiny(job: Any, width: int, height: int, *, shadow: bool) -> tuple[str, Draw]:
    """PyBullet's TinyRenderer; the agent's visual shape is made anew for every pose."""
    import pybullet
    from PIL import Image

    folder = Path(sys.argv[2]).parent
    pybullet.connect(pybullet.DIRECT)
    home = pybullet.createVisualShape(pybullet.GEOM_MESH, fileName=str(folder / "home.obj"))
    body = pybullet.createMultiBody(0, baseVisualShapeIndex=home)
    picture = str(folder / "home.png")
    Image.fromarray(job["texture"]).save(picture)
    pybullet.changeVisualShape(body, -1, textureUniqueId=pybullet.loadTexture(picture), rgbaColor=[1, 1, 1, 1])
    projection = pybullet.computeProjectionMatrixFOV(float(np.degrees(job["fov"])), width / height, 0.02, 100.0)
    agent: list[int] = []
    faces = job["agent_faces"].ravel().tolist()

    def draw(index: int) -> np.ndarray:
        if agent:
            pybullet.removeBody(agent.pop())
        shape = pybullet.createVisualShape(
            pybullet.GEOM_MESH,
            vertices=job["agent_vertices"][index].tolist(),
            normals=job["agent_normals"][index].tolist(),
            indices=faces,
            rgbaColor=[0.8, 0.5, 0.2, 1.0],
        )
        agent.append(pybullet.createMultiBody(0, baseVisualShapeIndex=shape))
        view = np.linalg.inv(job["cameras"][index] @ GL_FROM_CV).T.ravel().tolist()
        _, _, color, depth, labels = pybullet.getCameraImage(
            width,
            height,
            view,
            projection,
            lightDirection=[0.22, 0.16, 0.96],
            shadow=int(shadow),
            renderer=pybullet.ER_TINY_RENDERER,
        )
        assert np.shape(labels) == (height, width) == np.shape(depth)
        return np.reshape(color, (height, width, 4))[..., :3].astype(np.uint8)

    return "RGB-D + labels", draw


def mujoco_egl(job: Any, width: int, height: int, *, shadow: bool) -> tuple[str, Draw]:
    """MuJoCo's renderer; the agent is uploaded for every pose, and colour, depth and labels are a pass each."""
    os.environ["MUJOCO_GL"] = "egl"
    import mujoco

    spec = mujoco.MjSpec()
    spec.visual.global_.offwidth, spec.visual.global_.offheight = width, height
    spec.visual.map.znear, spec.visual.map.zfar = 0.002, 10.0
    texture = spec.add_texture(name="home", type=mujoco.mjtTexture.mjTEXTURE_2D)
    texture.width, texture.height = job["texture"].shape[1], job["texture"].shape[0]
    texture.nchannel, texture.data = 3, job["texture"].tobytes()
    material = spec.add_material(name="home")
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "home"
    for name, vertices, faces in (
        ("home", job["vertices"], job["faces"]),
        ("agent", job["agent_vertices"][0], job["agent_faces"]),
    ):
        mesh = spec.add_mesh(name=name, inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL)
        mesh.uservert, mesh.userface = vertices.ravel().tolist(), faces.ravel().tolist()
        if name == "home":
            mesh.usertexcoord, mesh.userfacetexcoord = job["uv"].ravel().tolist(), faces.ravel().tolist()
        geom = spec.worldbody.add_geom(name=name, type=mujoco.mjtGeom.mjGEOM_MESH, meshname=name)
        if name == "home":
            geom.material = "home"
        else:
            geom.rgba = [0.8, 0.5, 0.2, 1.0]
    spec.worldbody.add_light(pos=[0, 0, 4], dir=[-0.22, -0.16, -0.96], type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
                             castshadow=shadow)  # fmt: skip
    spec.worldbody.add_camera(name="eyes", fovy=float(np.degrees(job["fov"])))
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    agent = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_MESH, "agent")
    first, count = int(model.mesh_vertadr[agent]), int(model.mesh_vertnum[agent])
    assert count == job["agent_vertices"].shape[1], "MuJoCo merged vertices"
    renderer = mujoco.Renderer(model, height, width)
    # Posed vertices are in the world already; MuJoCo moved the rest shape to its centre of mass.
    geom = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_GEOM, "agent")
    data.geom_xpos[geom], data.geom_xmat[geom] = 0.0, np.eye(3).ravel()

    def draw(index: int) -> np.ndarray:
        model.mesh_vert[first : first + count] = job["agent_vertices"][index]
        renderer._gl_context.make_current()
        mujoco.mjr_uploadMesh(model, renderer._mjr_context, agent)
        pose = job["cameras"][index] @ GL_FROM_CV
        data.cam_xpos[0], data.cam_xmat[0] = pose[:3, 3], pose[:3, :3].ravel()
        renderer.update_scene(data, camera=0)
        color = renderer.render().copy()
        renderer.enable_depth_rendering()
        depth = renderer.render().copy()
        renderer.disable_depth_rendering()
        renderer.enable_segmentation_rendering()
        labels = renderer.render().copy()
        renderer.disable_segmentation_rendering()
        assert depth.shape == labels.shape[:2] == (height, width)
        return np.asarray(color)

    return "RGB-D + labels", draw


def miniworld(job: Any, width: int, height: int) -> tuple[str, Draw]:
    """MiniWorld's own room with a box in it, not our home: what its users get."""
    os.environ["PYOPENGL_PLATFORM"] = "egl"
    import pyglet

    pyglet.options["headless"] = True
    import gymnasium
    import miniworld  # noqa: F401

    env = gymnasium.make("MiniWorld-OneRoom-v0", obs_width=width, obs_height=height).unwrapped
    env.reset(seed=0)

    def draw(index: int) -> np.ndarray:
        env.agent.dir += 0.02
        color = env.render_obs()
        assert env.render_depth().shape[:2] == (height, width)
        return np.asarray(color)

    return "RGB-D, its own room (a few dozen triangles)", draw


PEERS: dict[str, Callable[[Any, int, int], tuple[str, Draw]]] = {
    "pyrender lit": raw_pyrender,
    "pyrender lit + shadow": lambda *job: raw_pyrender(*job, shadow=True),
    "PyBullet TinyRenderer": lambda *job: pybullet_tiny(*job, shadow=False),
    "PyBullet TinyRenderer + shadow": lambda *job: pybullet_tiny(*job, shadow=True),
    "MuJoCo EGL": lambda *job: mujoco_egl(*job, shadow=False),
    "MuJoCo EGL + shadow": lambda *job: mujoco_egl(*job, shadow=True),
    "MiniWorld": miniworld,
}


def timed(draw: Draw, frames: int, count: int, warm_up: int = 3) -> tuple[dict[str, Any], np.ndarray]:
    """Seconds of every frame, CPU seconds of one (all threads), and the last picture."""
    for index in range(warm_up):
        picture = draw(index % count)
    walls = []
    started = time.process_time()
    for index in range(frames):
        begun = time.perf_counter()
        picture = draw(index % count)
        walls.append(time.perf_counter() - begun)
    return {"seconds": walls, "cpu_seconds": (time.process_time() - started) / frames}, picture


def main() -> None:
    """Draw one job with one renderer and print what it took."""
    name, path, width, height, frames = sys.argv[1], sys.argv[2], *(int(text) for text in sys.argv[3:6])
    with np.load(path) as archive:
        job = {key: archive[key] for key in archive.files}
    reads, draw = PEERS[name](job, width, height)
    took, picture = timed(draw, frames, len(job["cameras"]))
    np.save(path.replace(".npz", f"-{name.replace(' ', '_')}-{width}.npy"), picture)
    print("\n" + json.dumps({"reads": reads, **took}))


if __name__ == "__main__":
    main()
