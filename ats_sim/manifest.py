"""`home.json` and `policy.json`: what a home says about itself, held against what lies in its folder."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.bundle import MAX_FILES, file_problems, inside
from ats_sim.errors import ArrayError, HomeError
from ats_sim.files import read_json
from ats_sim.skeleton import Skeleton

HOME_FORMAT = "ats-home/1"
POLICY_FORMAT = "ats-policy/2"
UNITS = {"length": "m", "time": "s", "angle": "rad"}
CLOCKS = {"behaviour_hz": 10, "past_frames": 8, "future_frames": 56}
MAX_MANIFEST_BYTES = 4 * 2**20
REQUIRED = ("scene.glb", "agent.glb", "agent.urdf", "perception.npz")
DEFAULT = Path(__file__).parent / "assets" / "homes" / "default"
TRAIN_HINT = "this home has no behaviour yet; run `ats train RECON -o HOME` and open what it writes"


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read `home.json` and make sure that the fields every later check relies on have the right type."""
    if not (folder / "home.json").exists() and (folder / "home" / "home.json").exists():
        raise HomeError(f"{folder}: is a reconstruction; `ats train {folder} -o HOME` makes a home of it")
    if not (folder / "home.json").exists():
        raise HomeError(f"{folder}: home.json is missing, so this is no home; pass 'default', a home or a .zip of one")
    path = inside(folder, "home.json")
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        raise HomeError(f"{path}: larger than {MAX_MANIFEST_BYTES} bytes")
    manifest = read_json(path, HomeError)
    if not isinstance(manifest, dict) or manifest.get("format") != HOME_FORMAT:
        found = manifest.get("format") if isinstance(manifest, dict) else type(manifest).__name__
        raise HomeError(f"{path}: format is {found!r}, this version reads {HOME_FORMAT!r}")
    kinds = {"name": str, "files": dict, "skeleton": dict, "clocks": dict, "units": dict, "T_home_scene": list}
    for key, kind in kinds.items():
        if not isinstance(manifest.get(key), kind):
            raise HomeError(f"{path}: '{key}' is missing or no {kind.__name__}")
    if len(manifest["files"]) > MAX_FILES:
        raise HomeError(f"{path}: lists {len(manifest['files'])} files, more than {MAX_FILES}")
    return manifest


def bundle_problems(folder: Path, manifest: dict[str, Any], require_policy: bool) -> Iterator[str]:
    """Everything that can be said without parsing the meshes and grids."""
    yield from missing_files(folder, manifest["files"])
    if require_policy and "policy.json" not in manifest["files"]:
        yield f"{folder}: no policy.json; {TRAIN_HINT}"
    yield from file_problems(folder, manifest["files"])
    if manifest["units"] != UNITS:
        yield f"{folder}: home.json has units {manifest['units']}, want {UNITS}"
    if manifest["clocks"] != CLOCKS:
        yield f"{folder}: home.json has clocks {manifest['clocks']}, want {CLOCKS}"
    try:
        read_pose(folder, manifest["T_home_scene"])
        skeleton = read_skeleton(folder, manifest)
        read_policy_spec(folder, manifest, skeleton)
    except HomeError as error:
        yield str(error)


def missing_files(folder: Path, files: Mapping[str, Any]) -> Iterator[str]:
    for name in REQUIRED:
        if name not in files:
            yield f"{folder}: home.json does not list {name}; export the home again"
    if not any(is_collision(name) for name in files):
        yield f"{folder}: neither collision.obj nor collision/*.obj is listed; export the home again"


def is_collision(name: object) -> bool:
    return isinstance(name, str) and (
        name == "collision.obj" or (name.startswith("collision/") and name.endswith(".obj"))
    )


def read_skeleton(folder: Path, manifest: dict[str, Any]) -> Skeleton:
    try:
        return Skeleton.from_json(manifest["skeleton"])
    except ArrayError as error:
        raise HomeError(f"{folder}: home.json: {error}") from error


def read_pose(folder: Path, value: object) -> Array:
    try:
        pose = checked("T_home_scene", value, (4, 4))
    except ArrayError as error:
        raise HomeError(f"{folder}: {error}") from error
    rotation = pose[:3, :3]
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3) or np.linalg.det(rotation) < 0.0:
        raise HomeError(f"{folder}: T_home_scene is no rigid transform")
    return pose


def read_policy_spec(folder: Path, manifest: dict[str, Any], skeleton: Skeleton) -> dict[str, Any] | None:
    """Read `policy.json` and hold it against the home: format, clock, joint order, graph files."""
    if "policy.json" not in manifest["files"]:
        return None
    path = inside(folder, "policy.json")
    spec = read_json(path, HomeError)
    if not isinstance(spec, dict) or spec.get("format") != POLICY_FORMAT:
        raise HomeError(f"{path}: not a policy of format {POLICY_FORMAT!r}")
    for key in ("past_frames", "future_frames"):
        if spec.get(key) != CLOCKS[key]:
            raise HomeError(f"{path}: {key} is {spec.get(key)}, the simulator's clock wants {CLOCKS[key]}")
    if spec.get("joint_names") != list(skeleton.joint_names):
        raise HomeError(f"{path}: joint order differs from the home's skeleton: {_first_difference(spec, skeleton)}")
    graphs = spec.get("graphs")
    if not isinstance(graphs, dict) or not graphs:
        raise HomeError(f"{path}: 'graphs' is missing or empty")
    for graph, entry in graphs.items():
        file = entry.get("file") if isinstance(entry, dict) else None
        if not isinstance(file, str) or file not in manifest["files"]:
            raise HomeError(f"{path}: graph {graph!r} names the file {file!r}, which home.json does not list")
    return spec


def _first_difference(spec: dict[str, Any], skeleton: Skeleton) -> str:
    named = spec.get("joint_names")
    if not isinstance(named, list) or len(named) != skeleton.num_joints:
        return f"it has {len(named) if isinstance(named, list) else 'no'} joints, the home {skeleton.num_joints}"
    at = next(i for i, (a, b) in enumerate(zip(named, skeleton.joint_names, strict=True)) if a != b)
    return f"joint {at} is {named[at]!r}, the home has {skeleton.joint_names[at]!r}"
