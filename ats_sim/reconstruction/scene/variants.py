"""The scene's other layouts: ``variants/NAME.glb`` for each epoch but the newest, and ``variants/variants.json``.

``variants.json`` is ``{"format": "ats-variants/1", "newest": NAME, "layouts": [{"name": NAME, "recordings": [...],
"mesh": PATH}, ...]}``, oldest first; recordings are the walkthrough and the videos between which nothing moved, the
mesh's path starts at the reconstruction's folder (the newest layout's is ``scene.glb``). ``variants/votes.npz`` holds
who saw what.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ats_sim.errors import ReconstructionError
from ats_sim.files import atomic_folder, read_json, write_json
from ats_sim.gltf import write_scene
from ats_sim.mesh import TriangleMesh
from ats_sim.reconstruction.scene.layouts import Layouts
from ats_sim.reconstruction.scene.votes import Votes

FORMAT = "ats-variants/1"
FOLDER, INDEX, VOTES = "variants", "variants.json", "votes.npz"
SCENE = "scene.glb"


@dataclass(frozen=True)
class Variant:
    """One layout of the scene."""

    name: str
    """Such as layout-00."""
    recordings: tuple[str, ...]
    """Who saw it."""
    mesh: str
    """Its file, from the reconstruction's folder."""


def write_variants(folder: Path, votes: Votes, layouts: Layouts, meshes: Mapping[str, TriangleMesh]) -> None:
    """Write the folder of variants of a reconstruction, whole or not at all; `meshes` of all layouts but the newest."""
    newest = layouts.epochs[-1].name
    entries: list[dict[str, Any]] = []
    with atomic_folder(folder / FOLDER) as temporary:
        for epoch in layouts.epochs:
            mesh = SCENE if epoch.name == newest else f"{FOLDER}/{epoch.name}.glb"
            if epoch.name != newest:
                write_scene(temporary / f"{epoch.name}.glb", meshes[epoch.name])
            seen_by = [votes.recordings[r] for r in epoch.members]
            entries.append({"name": epoch.name, "recordings": seen_by, "mesh": mesh})
        votes.write(temporary / VOTES, votes.labels(layouts.moved()))
        write_json(temporary / INDEX, {"format": FORMAT, "newest": newest, "layouts": entries})


def read_variants(folder: Path) -> tuple[Variant, ...]:
    """The layouts of a reconstruction, oldest first; none where nobody looked for them.

    Raises:
        ReconstructionError: If the index is damaged or names a file outside the folder.
    """
    path = folder / FOLDER / INDEX
    if not path.is_file():
        return ()
    record = read_json(path, ReconstructionError)
    try:
        if record["format"] != FORMAT:
            raise ReconstructionError(f"{path}: not an {FORMAT!r} file; run the reconstruction again")
        found = tuple(
            Variant(str(entry["name"]), tuple(map(str, entry["recordings"])), str(entry["mesh"]))
            for entry in record["layouts"]
        )
    except (KeyError, TypeError) as broken:
        raise ReconstructionError(f"{path}: broken entry ({broken!r}); run the reconstruction again") from broken
    for variant in found:
        parts = PurePosixPath(variant.mesh)
        if parts.is_absolute() or ".." in parts.parts:
            raise ReconstructionError(f"{path}: names {variant.mesh!r}, which lies outside the reconstruction")
    return found
