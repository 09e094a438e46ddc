"""How many pictures a second, beside other renderers on the same home in the same run.

    python -m benchmarks.rendering --peers-python peers/bin/python --json rendering.json

The home is the bundled one, its faces split until there are 50,000; the agent is bent anew for every frame; cameras are
where the real observer looked from. Every renderer runs in a process of its own, in turns, so that a busy machine is
busy for all of them. Peers (`pip install mujoco miniworld pybullet pillow PyOpenGL==3.1.10` in a venv of their own:
pyrender asks for PyOpenGL 3.1.0, with which MuJoCo's EGL does not start) that are not installed are skipped, with the
reason.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from ats_sim.arrays import Array
from ats_sim.files import write_json
from ats_sim.geometry import inverse
from ats_sim.home import Home
from ats_sim.mesh import TriangleMesh
from ats_sim.rendering import HomeRenderer, Lighting
from ats_sim.rendering.home_renderer import FIELD_OF_VIEW, LIGHT
from benchmarks.rendering_peers import PEERS, timed

TRIANGLES = 50_000
SIZES = ((128, 128), (320, 240))
OURS = {
    "ours, moderngl + shadow": ("moderngl", True),
    "ours, moderngl": ("moderngl", False),
    "ours, raycast + shadow": ("raycast", True),
    "ours, pyrender backend": ("pyrender", False),
}
ON_PEERS_PYTHON = ("PyBullet", "MuJoCo", "MiniWorld")


@dataclass(frozen=True)
class RenderingSpeed:
    """What to time."""

    peers_python: Path | None = None
    """A Python that has the peers; pyrender runs on this one."""
    frames: int = 60
    """Frames to time per renderer, size and turn."""
    turns: int = 3
    """How often each renderer gets its turn."""
    pictures: Path | None = None
    """A folder for the last picture of each renderer, to see that all draw the same."""
    json: Path | None = None
    """Where to write the figures."""
    only: str = ""
    """Time only renderers whose name holds this."""


@dataclass(frozen=True)
class Row:
    """What one renderer reached at one size."""

    renderer: str
    """Which one."""
    size: str
    """Width x height."""
    reads: str
    """What is read back for every frame."""
    best: float
    """Frames a second, fastest frame."""
    median: float
    """Frames a second, median frame of all turns."""
    per_cpu_second: float
    """Frames per CPU second, all threads of the process, best turn."""


def split_faces(mesh: TriangleMesh, wanted: int) -> TriangleMesh:
    """Split the largest faces into four at their edges' middles until there are at least as many as wanted."""
    largest = np.argsort(-np.linalg.norm(mesh.face_normals(), axis=1))[: -(-(wanted - len(mesh.faces)) // 3)]
    corners = mesh.faces[largest]
    pairs = np.stack([corners, np.roll(corners, -1, axis=1)], axis=-1).reshape(-1, 2)
    new = len(mesh.vertices) + np.arange(len(pairs)).reshape(-1, 3)
    a, b, c = corners.T
    ab, bc, ca = new.T
    inner = np.concatenate([np.stack(face, axis=1) for face in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
    faces = np.concatenate([np.delete(mesh.faces, largest, axis=0), inner])

    def grown(values: Array) -> Array:
        return np.concatenate([values, values[pairs].mean(1)])

    assert mesh.uv is not None
    return TriangleMesh(grown(mesh.vertices), faces, uv=grown(mesh.uv), texture=mesh.texture)


def motion(home: Home, count: int) -> tuple[Array, Array, Array]:
    """Cameras (n, 4, 4), agent roots (n, 4, 4) and joint rotations (n, J, 3) of moments when one saw the other."""
    cameras, roots = home.perception.observer_cameras, home.perception.agent_roots
    in_camera = (inverse(cameras) @ roots)[:, :3, 3]
    half = np.tan(0.4 * FIELD_OF_VIEW)
    is_seen = (in_camera[:, 2] > 0.4) & (np.abs(in_camera[:, :2]).max(1) < half * in_camera[:, 2])
    way = np.linspace(0.05, 0.95, 30)[:, None]
    for index in np.nonzero(is_seen)[0]:
        line = cameras[index, :3, 3] + way * (roots[index, :3, 3] - cameras[index, :3, 3])
        is_seen[index] = home.perception.sample_sdf(line).min() > 0.0
    seen = np.nonzero(is_seen)[0]
    chosen = seen[np.linspace(0, len(seen) - 1, count).astype(int)]
    phase = 0.9 * np.arange(count)[:, None] + np.arange(home.agent.skeleton.num_joints)
    return cameras[chosen], roots[chosen], 0.3 * np.sin(phase)[..., None] * [0.2, 1.0, 0.2]


def write_job(home: Home, folder: Path, count: int = 60) -> Path:
    """What the peers draw, as plain arrays, and the home as an .obj."""
    scene, skinned = home.scene, home.agent
    cameras, roots, joints = motion(home, count)
    posed = [skinned.posed(root, joint) for root, joint in zip(roots, joints, strict=True)]
    meshes = [TriangleMesh(vertices, skinned.mesh.faces) for vertices in posed]
    colors = np.full(posed[0].shape, 200, np.uint8) if skinned.mesh.colors is None else skinned.mesh.colors
    assert scene.uv is not None and scene.texture is not None
    path = folder / "job.npz"
    np.savez(
        path,
        vertices=scene.vertices, faces=scene.faces, uv=scene.uv, texture=scene.texture, normals=scene.vertex_normals(),
        agent_vertices=np.stack(posed), agent_normals=np.stack([mesh.vertex_normals() for mesh in meshes]),
        agent_faces=skinned.mesh.faces, agent_colors=colors, cameras=cameras, fov=FIELD_OF_VIEW,
    )  # fmt: skip
    lines = [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in scene.vertices]
    lines += [f"vt {u:.5f} {1.0 - v:.5f}" for u, v in scene.uv]
    lines += [f"f {a}/{a} {b}/{b} {c}/{c}" for a, b, c in scene.faces + 1]
    (folder / "home.obj").write_text("\n".join(lines) + "\n")
    return path


def our_frames(name: str, folder: Path, size: tuple[int, int], frames: int) -> dict[str, Any]:
    """Draw with one of our backends in this process."""
    backend, has_shadow = OURS[name]
    home = finer_home()
    cameras, roots, joints = motion(home, 60)
    renderer = HomeRenderer(home, *size, backend)  # type: ignore[arg-type]
    light: Lighting = LIGHT if has_shadow else replace(LIGHT, shadow=0.0)

    def draw(index: int) -> Array:
        camera = renderer.observer_camera(cameras[index])
        frame = renderer.render(camera, [(roots[index], joints[index])], lighting=light)
        assert frame.depth.shape == frame.labels.shape == (size[1], size[0])
        return frame.rgb

    took, picture = timed(draw, frames, len(cameras))
    np.save(folder / f"job-{name.replace(' ', '_')}-{size[0]}.npy", picture)
    renderer.close()
    return {"reads": "RGB-D + labels", **took}


def finer_home() -> Home:
    """The bundled home with more faces."""
    home = Home.load("default")
    # A cached property is looked up here first.
    vars(home)["scene"] = split_faces(home.scene, TRIANGLES)
    return home


def run_one(name: str, job: Path, size: tuple[int, int], options: RenderingSpeed) -> dict[str, Any] | str:
    """One turn of one renderer in a process of its own: its figures, or why there are none."""
    width, height = size
    if name in OURS:
        command = [sys.executable, "-m", "benchmarks.rendering", "one", name, str(job.parent), str(width), str(height)]
        command.append(str(options.frames))
    else:
        python = options.peers_python if name.startswith(ON_PEERS_PYTHON) else Path(sys.executable)
        if python is None:
            return "give --peers-python"
        script = str(Path(__file__).with_name("rendering_peers.py"))
        command = [str(python), script, name, str(job), str(width), str(height), str(options.frames)]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    except subprocess.TimeoutExpired:
        return "no end within 600 s"
    if ran.returncode:
        return (ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"])[-1][:200]
    result: dict[str, Any] = json.loads(ran.stdout.strip().splitlines()[-1])
    return result


def row_of(name: str, size: tuple[int, int], turns: list[dict[str, Any]]) -> Row:
    """All turns of one renderer at one size."""
    seconds = np.concatenate([turn["seconds"] for turn in turns])
    cpu = min(turn["cpu_seconds"] for turn in turns)
    best, median = 1.0 / float(seconds.min()), 1.0 / float(np.median(seconds))
    return Row(name, f"{size[0]}x{size[1]}", turns[0]["reads"], best, median, 1.0 / cpu)


def main(options: RenderingSpeed) -> None:
    """Time everything and print a table."""
    names = [name for name in (*OURS, *PEERS) if options.only in name]
    rows, skipped = [], {}
    with tempfile.TemporaryDirectory() as scratch:
        job = write_job(finer_home(), Path(scratch))
        for size in SIZES:
            turns: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
            for _ in range(options.turns):
                for name in names:
                    if name in skipped:
                        continue
                    result = run_one(name, job, size, options)
                    if isinstance(result, str):
                        skipped[name] = result
                    else:
                        turns[name].append(result)
            rows += [row_of(name, size, results) for name, results in turns.items() if results]
        if options.pictures is not None:
            save_pictures(Path(scratch), options.pictures)
    print(table(rows))
    for name, reason in skipped.items():
        print(f"skipped {name}: {reason}")
    if options.json is not None:
        report = {"triangles": TRIANGLES, "rows": [asdict(row) for row in rows], "skipped": skipped}
        write_json(options.json, report)


def table(rows: list[Row]) -> str:
    """The figures as Markdown."""
    lines = [
        "| renderer | size | reads back | best fps | median fps | fps per CPU second |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        speeds = f"{row.best:.0f} | {row.median:.0f} | {row.per_cpu_second:.0f}"
        lines.append(f"| {row.renderer} | {row.size} | {row.reads} | {speeds} |")
    return "\n".join(lines)


def save_pictures(scratch: Path, folder: Path) -> None:
    """The last picture of every renderer, as PNG."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for path in scratch.glob("job-*.npy"):
        Image.fromarray(np.load(path)).save(folder / f"{path.stem}.png")


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        chosen, place, *numbers = sys.argv[2:]
        pixels, count = (int(numbers[0]), int(numbers[1])), int(numbers[2])
        print(json.dumps(our_frames(chosen, Path(place), pixels, count)))
    else:
        main(tyro.cli(RenderingSpeed, description=__doc__))
