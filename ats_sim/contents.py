"""What the files of a home are and what they tell about the people who live there, read from the files themselves."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim.collision import read_collision
from ats_sim.errors import HomeError
from ats_sim.files import read_json
from ats_sim.home import Home
from ats_sim.manifest import is_collision
from ats_sim.rig import read_rig

PATHS = re.compile(rb"(?:[A-Za-z]:)?(?:[/\\][A-Za-z0-9_.+-]{2,40}){3,}")
MAILS = re.compile(rb"[A-Za-z0-9_.+-]{2,40}@[A-Za-z0-9-]{2,40}\.[A-Za-z]{2,12}")
MAX_SCANNED = 64 * 2**20
NOTHING = "nothing about people"
WEIGHTS = "no words or pictures; weights that were learned from the videos"
Description = tuple[str, str]
"""What a file is, and what it reveals."""


@dataclass(frozen=True)
class Content:
    """One file of a home."""

    name: str
    """Its name in the folder."""
    size: int
    """Bytes."""
    what: str
    """What it is."""
    reveals: str
    """What somebody who gets it learns about the people and their home."""

    def lines(self) -> tuple[str, str]:
        """For a terminal."""
        size = f"{self.size / 2**20:.1f} MB" if self.size >= 2**20 else f"{self.size / 2**10:.1f} kB"
        return f"{self.name:18} {size:>9}  {self.what}", f"{'':18} {'':>9}  reveals: {self.reveals}"


def contents_of(home: Home) -> list[Content]:
    """Describe every file of a home's folder, those that home.json does not list too: who copies the folder hands them
    over.

    Raises:
        HomeError: If a file cannot be read.
    """
    paths = [path for path in home.folder.rglob("*") if path.is_file() and not path.is_symlink()]
    found = []
    for path in sorted(paths):
        name = path.relative_to(home.folder).as_posix()
        what, reveals = _describe(home, name, path)
        traces = [*_traces(path)]
        if traces:
            own = f"file paths or addresses of the machine it was made on, {len(traces)} of them, such as {traces[0]}"
            reveals = own if reveals == NOTHING else f"{reveals}; {own}"
        found.append(Content(name, path.stat().st_size, what, reveals))
    return found


def _describe(home: Home, name: str, path: Path) -> Description:
    if name != "home.json" and name not in home.files:
        return "no part of the home: home.json does not list it", "whatever is in it, where the folder is copied"
    if is_collision(name):
        return _collision(path)
    if name.endswith(".onnx"):
        return "a network of the animal's behaviour", WEIGHTS
    known: Mapping[str, Callable[[Home], Description]] = {
        "scene.glb": _scene,
        "agent.glb": _agent,
        "agent.urdf": _rig,
        "perception.npz": _perception,
        "recordings.npz": _recordings,
        "policy.json": _policy,
        "home.json": _manifest,
    }
    if name in known:
        return known[name](home)
    return "unknown to the simulator, which does not need it", "whatever is in it"


def _scene(home: Home) -> Description:
    mesh = home.scene
    area = float(0.5 * np.linalg.norm(mesh.face_normals(), axis=1).sum())
    what = f"the rooms' surfaces: {len(mesh.faces)} triangles, {area:.0f} m2"
    shape = "the shape of the rooms and of all furniture"
    if mesh.texture is not None and mesh.uv is not None:
        height, width = mesh.texture.shape[:2]
        a, b, c = (mesh.uv[mesh.faces[:, i]].astype(np.float64) * [width, height] for i in range(3))
        ab, ac = b - a, c - a
        texels = float(0.5 * np.abs(ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]).sum())
        grain = 1000.0 * (area / max(texels, 1.0)) ** 0.5
        photos = f"photos of every surface at {grain:.0f} mm a pixel: pictures, screens, letters, whatever lay around"
        return f"{what}, painted with a picture of {width} x {height}", f"{photos}; {shape}"
    if mesh.colors is None:
        return what, shape
    grain = 100.0 * (area / max(len(mesh.vertices), 1)) ** 0.5
    told = "mean colours of half a metre" if "redacted" in home.provenance else f"photos at {grain:.0f} cm a pixel"
    kinds = len(np.unique(mesh.colors, axis=0))
    return f"{what}, {kinds} colours at {len(mesh.vertices)} corners", f"{told}; {shape}"


def _agent(home: Home) -> Description:
    motions = [motion.name for motion in home.animations]
    seconds = sum(float(motion.time[-1] - motion.time[0]) for motion in home.animations)
    coat = "colours" if home.agent.mesh.texture is None else "a picture of its coat"
    what = f"the animal: its shape and {coat}, {len(motions)} recorded motions, {seconds:.0f} s"
    return what, f"how the animal looks, moves, and where it likes to be; named {_some(motions)}"


def _rig(home: Home) -> Description:
    rig = read_rig(home.urdf_path, home.skeleton)
    return f"the animal's body for the physics: {len(rig.joint_of_link)} links", "the animal's build"


def _collision(path: Path) -> Description:
    vertices = np.concatenate([points for points, _ in read_collision([path])])
    x, y, z = np.ptp(vertices, axis=0).tolist()
    return (
        f"what is solid: {len(vertices)} corners",
        f"the floor plan with all furniture, {x:.1f} x {y:.1f} x {z:.1f} m",
    )


def _perception(home: Home) -> Description:
    volume = home.perception
    names, size = ", ".join(volume.feature_names), 100.0 * volume.voxel_size
    minutes = float(volume.observer_visits.sum()) / 60.0
    heights = volume.observer_cameras[:, 2, 3]
    told = [
        f"coarse colours of everything ({names} per {size:.0f} cm; the animal perceives them)",
        f"the floor plan, where the animal was, and where whoever filmed stood in {minutes:.0f} minutes",
    ]
    if np.ptp(heights) > 0.0 or float(np.abs(heights).max()) > 0.0:
        low, high = np.percentile(heights, [1, 99])
        told.append(f"how high they held the camera ({low:.2f} to {high:.2f} m) and which way they looked, in order")
    what = f"grids of {' x '.join(str(side) for side in volume.occupancy.shape)} cells, {len(heights)} observer places"
    return what, "; ".join(told)


def _recordings(home: Home) -> Description:
    seconds = sum(len(video.time) for video in home.recordings) / 10.0
    heights = np.concatenate([np.zeros(0), *(video.T_world_camera[:, 2, 3] for video in home.recordings)])
    names = _some([video.name for video in home.recordings])
    what = f"{len(home.recordings)} videos of animal and camera, {seconds:.0f} s, without pictures"
    if not len(heights):
        return what, NOTHING
    low, high = np.percentile(heights, [1, 99])
    walk = f"every tenth of a second where whoever filmed walked, looked and at what height ({low:.2f} to {high:.2f} m)"
    return what, f"{walk}, which tells their build and gait; videos named {names}"


def _policy(home: Home) -> Description:
    spec = read_json(home.file("policy.json"), HomeError)
    told = [*_sentences({key: value for key, value in spec.items() if key == "training"})]
    names = [text.split(": ", 1)[1] for text in told if ".held_out" in text]
    reveals = f"how it was trained; names of videos: {_some(names)}" if names else NOTHING
    return "how the networks are used, with the means and spreads of the animal's motion", reveals


def _manifest(home: Home) -> Description:
    told = [*_sentences({"provenance": home.provenance, "metrics": home.metrics})]
    reveals = [f"the home's name {home.name!r}"]
    if told:
        reveals.append(f"{len(told)} words about its making, such as {_some(told, 2)}")
    moved = home.T_home_scene[:3, 3]
    if float(np.abs(moved).max()) > 0.0:
        reveals.append(f"where the first camera was, {moved[2]:.2f} m above the floor")
    return "the list of files, the skeleton, and how the home was made", "; ".join(reveals)


def _sentences(value: Any, where: str = "") -> Iterable[str]:
    """Every text in a JSON value, after the name of where it stands."""
    if isinstance(value, str):
        yield f"{where}: {value}"
    if isinstance(value, list):
        for inner in value:  # its texts share the list's name
            yield from _sentences(inner, where)
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _sentences(inner, f"{where}.{key}".lstrip("."))


def _traces(path: Path) -> Iterable[str]:
    """File paths and mail addresses in a file's bytes, each once."""
    with path.open("rb") as stream:
        data = stream.read(MAX_SCANNED)
    for found in sorted({*PATHS.findall(data), *MAILS.findall(data)}):
        yield found.decode("ascii")


def _some(texts: list[str], most: int = 4) -> str:
    """A few of the texts, short."""
    shown = [text if len(text) <= 60 else f"{text[:57]}..." for text in texts[:most]]
    return ", ".join(shown) + (f" and {len(texts) - most} more" if len(texts) > most else "")
