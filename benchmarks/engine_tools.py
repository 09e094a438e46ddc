"""Other people's programs that open our files: found where they are installed, silent where they are not.

| environment variable | what it names | where to get it |
|---|---|---|
| ATS_GLTF_VALIDATOR | the folder node_modules/gltf-validator | `npm install gltf-validator` |
| ATS_BLENDER_PYTHON | a Python in which `import bpy` works | `python3.11 -m venv bpy && bpy/bin/pip install bpy` |
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim.arrays import Array

HERE = Path(__file__).resolve().parent
SEVERITIES = ("errors", "warnings", "infos", "hints")


def gltf_validator() -> Path | None:
    """The validator's folder, if it and node are here."""
    folder = Path(os.environ.get("ATS_GLTF_VALIDATOR", "node_modules/gltf-validator")).resolve()
    return folder if shutil.which("node") and (folder / "package.json").exists() else None


def validated(path: Path, validator: Path) -> dict[str, Any]:
    """What Khronos' validator says of a file: its `issues` count `numErrors`, `numWarnings`, `numInfos`, `numHints`."""
    command = ["node", str(HERE / "validate_gltf.js"), str(validator), str(path)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    report: dict[str, Any] = json.loads(shown)
    return report


def counts(report: dict[str, Any]) -> str:
    """`0 errors, 0 warnings, 0 infos, 0 hints`."""
    issues = report["issues"]
    return ", ".join(f"{issues['num' + kind.capitalize()]} {kind}" for kind in SEVERITIES)


def blender_python() -> str | None:
    """A Python with Blender in it, if there is one."""
    named = os.environ.get("ATS_BLENDER_PYTHON")
    return named if named and shutil.which(named) else None


def seen_by_blender(
    path: Path, blender: str, times: Sequence[float] = (0.0,), picture: Path | None = None
) -> dict[str, Array]:
    """What Blender sees in a file (see `blender_probe.py`); with `picture` it also draws it there."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "seen.npz"
        command = [blender, str(HERE / "blender_probe.py"), str(path), str(output), "--times", *map(str, times)]
        if picture is not None:
            command += ["--picture", str(picture)]
        # Blender's Python has packages of its own, which ours would hide.
        clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=clean)
        if done.returncode or not output.exists():
            raise RuntimeError(f"Blender could not open {path}: {(done.stderr or done.stdout)[-800:]}")
        with np.load(output, allow_pickle=False) as seen:
            return {name: seen[name] for name in seen.files}
