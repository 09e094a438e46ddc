"""What validators and other engines say of a home's files, as a markdown table.

    python -m benchmarks.engines [--home default] [--exported for_engines] [--pictures FOLDER]

`--exported` is what `examples/export_for_engines.py` wrote for this home. Blender and the validator are found by
environment variables (see `engine_tools.py`); MuJoCo (`pip install mujoco`) and usd-core where they can be imported.
What is missing has a row that says so. Distances are the largest over all animations, times and points.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ats_sim.home import Home
from benchmarks.engine_motion import apart
from benchmarks.engine_rigs import mujoco_rows, pybullet_rows
from benchmarks.engine_shapes import shape_rows
from benchmarks.engine_tools import blender_python, counts, gltf_validator, seen_by_blender, validated
from benchmarks.engine_usd import usd_rows

# Seconds; one of them lies between two keys.
TIMES = (0.0, 0.5, 3.1, 7.3, 12.03, 20.5, 29.9)
Row = tuple[str, str, str]
MISSING = "not installed"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", default="default", help="a home folder, a .zip, or the bundled one")
    parser.add_argument("--exported", type=Path, help="what examples/export_for_engines.py wrote")
    parser.add_argument("--pictures", type=Path, help="folder for what Blender draws")
    options = parser.parse_args()
    home = Home.load(options.home, require_policy=False)
    print("| file | opened by | what it says |\n|---|---|---|")
    for file, engine, said in rows(home, options.exported, options.pictures):
        print(f"| {file} | {engine} | {said} |", flush=True)


def rows(home: Home, exported: Path | None, pictures: Path | None) -> Iterator[Row]:
    """All rows, one engine after the other."""
    files = [home.file("scene.glb"), home.file("agent.glb")]
    files += sorted(exported.glob("scene_lod*.glb")) if exported else []
    yield from validator_rows(files)
    yield from blender_rows(home, exported, pictures)
    if importlib.util.find_spec("pxr") and exported:
        yield from usd_rows(home, exported)
    else:
        yield "scene.usdc, agent.usdc", "usd-core", MISSING if exported else "needs --exported"
    if exported:
        yield from shape_rows(home, exported)
    yield from pybullet_rows(home)
    yield from mujoco_rows(home)


def validator_rows(files: list[Path]) -> Iterator[Row]:
    """Khronos' glTF validator."""
    validator = gltf_validator()
    for file in files:
        if validator is None:
            yield file.name, "glTF validator", MISSING
            continue
        report = validated(file, validator)
        yield file.name, f"glTF validator {report['validatorVersion']}", counts(report)


def blender_rows(home: Home, exported: Path | None, pictures: Path | None) -> Iterator[Row]:
    """Blender: what it read, and how far its joints and skin are from ours."""
    blender = blender_python()
    if blender is None:
        yield "scene.glb, agent.glb", "Blender", MISSING
        return
    scenes, agents = [home.file("scene.glb")], [home.file("agent.glb")]
    if exported:
        scenes += [*sorted(exported.glob("scene_lod*.glb")), exported / "scene.usdc"]
        agents.append(exported / "agent.usdc")
    for file in filter(Path.exists, scenes):
        picture = pictures / f"{file.name}.png" if pictures else None
        seen = seen_by_blender(file, blender, picture=picture)
        box = max(np.abs(end(seen["points"], 0) - end(home.scene.vertices, 0)).max() for end in (np.min, np.max))
        texture = " x ".join(str(side) for side in seen["textures"].ravel()) or "no"
        said = f"{int(seen['triangles']):,} triangles, {texture} texture, box {1e3 * box:.1f} mm from ours"
        yield file.name, f"Blender {seen['version']}", said
    for file in filter(Path.exists, agents):
        picture = pictures / f"{file.name}.png" if pictures else None
        seen = seen_by_blender(file, blender, TIMES, picture)
        if len(seen["animations"]) == 1:  # its USD importer takes the motion that plays, under another name
            seen["animations"] = np.array([home.animations[0].name])
        far = apart(seen, home.agent, home.animations, TIMES)
        distances = ", ".join(f"{name} {1e3 * value:.4f} mm" for name, value in far.items())
        said = (
            f"{len(seen['bones'])} bones, {len(seen['animations'])} animations; off at {len(TIMES)} times: {distances}"
        )
        yield file.name, f"Blender {seen['version']}", said


if __name__ == "__main__":
    main()
