"""A home that can be given away: the same animal in the same rooms, without photos and tracks of the people.

What the animal's mind, the bodies and the physics read stays to the bit, so the animal lives on as before. That also
says what cannot be left out: the shape of the rooms, and the coarse colours that the mind perceives.
"""

import json
import re
import shutil
import struct
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim.contents import contents_of
from ats_sim.errors import ConfigError, HomeError
from ats_sim.files import atomic_folder, read_json, write_json
from ats_sim.glb import GlbReader
from ats_sim.gltf import write_scene
from ats_sim.graph_metadata import without_metadata
from ats_sim.home import Home, check_home, seal_home
from ats_sim.manifest import is_collision
from ats_sim.plain_colors import plain_colors
from ats_sim.recorded import FILE as RECORDINGS
from ats_sim.redact_options import RedactOptions
from ats_sim.volume import PerceptionVolume

HARMLESS = ("method", "preset", "format")
"""Fields of provenance and metrics whose words stay; of all others numbers alone do."""
GLB_HEADER = struct.Struct("<IIIII")


def describe_or_redact(path: str, options: RedactOptions) -> list[str]:
    """What the files of a home reveal, line by line; with `redact`, write its copy and say what remains in that.

    Raises:
        ConfigError: As `redact_home` does.
        HomeError: If a file of the home cannot be read.
    """
    home = Home.load(path, require_policy=False)
    lines = []
    if options.redact is not None:
        redact_home(home, options.redact, options)
        home = Home.load(options.redact, require_policy=False)
        lines.append(f"{options.redact}: written; this is what remains in it:")
    return lines + [line for content in contents_of(home) for line in content.lines()]


def redact_home(home: Home, output: Path, options: RedactOptions | None = None) -> None:
    """Write a home without what it reveals about people; atomic, and an old home at `output` is replaced.

    It is named after its folder. For the same seed and start poses the animal does the same as in the original; drawn
    observer starts differ, because their order, which is a track, is gone.

    Args:
        home: The original; it is not changed.
        output: Folder of the new home.
        options: What is kept (`redact` is not looked at).

    Raises:
        ConfigError: If `output` is a file, holds something that is no home, or lies inside the original or around it.
        HomeError: If a file of the original cannot be read.
    """
    options = options or RedactOptions()
    output = Path(output).expanduser().absolute()
    _refuse_place(home, output)
    with atomic_folder(output) as folder:
        for name in home.files:
            _copy(home, name, folder, options)
        seal_home(
            folder,
            name=output.name,
            skeleton=home.skeleton,
            # The scene frame begins at the first camera: where that was is nobody's business.
            T_home_scene=np.eye(4),
            provenance=_harmless(home.provenance) | {"redacted": _told(home, options)},
            metrics=_harmless(home.metrics),
        )
        problems = check_home(folder, require_policy=home.policy_spec is not None)
        if problems:
            raise HomeError(f"{output}: not written, the redacted home would not be sound: {problems[0]}")


def _refuse_place(home: Home, output: Path) -> None:
    here, there = home.folder.resolve(), output.resolve()
    if here == there or here in there.parents or there in here.parents:
        raise ConfigError(f"--redact {output}: is the home itself, or one lies inside the other; give another folder")
    if output.is_symlink() or (output.exists() and not output.is_dir()):
        raise ConfigError(f"--redact {output}: is no folder; give a new one")
    if output.is_dir() and any(output.iterdir()) and not (output / "home.json").is_file():
        raise ConfigError(f"--redact {output}: holds files and is no home; give a new or empty folder")


def _copy(home: Home, name: str, folder: Path, options: RedactOptions) -> None:
    """Write a listed file anew without what is personal in it; one that the simulator does not know stays behind."""
    source, target = home.file(name), folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if name == "scene.glb":
        write_scene(target, plain_colors(home.scene, options.texture))
    elif name == "agent.glb":
        target.write_bytes(_agent_without_names(source))
    elif name == "agent.urdf":
        target.write_bytes(re.sub(rb"<!--.*?-->", b"", source.read_bytes(), flags=re.DOTALL))
    elif name == "perception.npz":
        _without_gazes(home.perception).write(target)
    elif name == "policy.json":
        spec = read_json(source, HomeError)
        write_json(target, {key: _harmless(part) if key == "training" else part for key, part in spec.items()})
    elif is_collision(name):
        lines = source.read_bytes().split(b"\n")
        target.write_bytes(b"\n".join(line for line in lines if line.startswith((b"v ", b"f "))) + b"\n")
    elif name.endswith(".onnx"):
        target.write_bytes(_graph_without_metadata(source))
    elif name == RECORDINGS and options.keep_recordings:
        shutil.copyfile(source, target)


def _graph_without_metadata(path: Path) -> bytes:
    try:
        return without_metadata(path.read_bytes())
    except HomeError as error:
        raise HomeError(f"{path}: {error}; train the home again") from error


def _agent_without_names(path: Path) -> bytes:
    """The animal's file to the bit, but for the names of its motions, which are those of videos, and foreign notes."""
    GlbReader.open(path)
    data = path.read_bytes()
    magic, version, _, length, kind = GLB_HEADER.unpack_from(data)
    document = _without_notes(json.loads(data[GLB_HEADER.size : GLB_HEADER.size + length]))
    for index, motion in enumerate(document.get("animations", ())):
        motion["name"] = f"motion{index:02}"
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    rest = data[GLB_HEADER.size + length :]
    return GLB_HEADER.pack(magic, version, GLB_HEADER.size + len(text) + len(rest), len(text), kind) + text + rest


def _without_notes(value: Any) -> Any:
    """A glTF document without `extras`, and of its `asset` the version alone."""
    if isinstance(value, list):
        return [_without_notes(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _without_notes(entry) for key, entry in value.items() if key != "extras"}
    return kept | {"asset": {"version": value["asset"]["version"]}} if "asset" in value else kept


def _without_gazes(volume: PerceptionVolume) -> PerceptionVolume:
    """Of the cameras the floor points alone, which is all that starts need, in no order that tells of time."""
    points = volume.observer_cameras[:, :2, 3]
    cameras = np.tile(np.eye(4, dtype=np.float32), (len(points), 1, 1))
    cameras[:, :2, 3] = points[np.lexsort((points[:, 1], points[:, 0]))]
    return replace(volume, observer_cameras=cameras)


def _harmless(value: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers under the names of measures; words are left out, which may be names of people, places and files."""
    kept: dict[str, Any] = {}
    for key, entry in value.items():
        if isinstance(entry, Mapping):
            inner = _harmless(entry)
            if inner:
                kept[key] = inner
        elif isinstance(entry, bool | int | float) or (isinstance(entry, str) and key in HARMLESS):
            kept[key] = entry
    return kept


def _told(home: Home, options: RedactOptions) -> dict[str, Any]:
    """What was done, for who gets the home."""
    return {"texture": options.texture, "recordings": RECORDINGS in home.files and options.keep_recordings}
