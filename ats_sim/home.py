"""A home on disk: everything a simulator needs, checked before anything is used.

`home.json` lists every other file with its size and SHA-256. Only listed files are ever opened, nothing is unpickled,
and a bundle that does not hold together is refused with one `HomeError`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ats_sim.arrays import Array
from ats_sim.bundle import UnpackedFolder, inside, unpack
from ats_sim.collision import read_collision
from ats_sim.errors import AtsError, HomeError
from ats_sim.files import sha256, write_json
from ats_sim.manifest import (
    CLOCKS,
    DEFAULT,
    HOME_FORMAT,
    UNITS,
    bundle_problems,
    is_collision,
    missing_files,
    read_manifest,
    read_policy_spec,
    read_pose,
    read_skeleton,
)
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.recorded import FILE as RECORDINGS
from ats_sim.recorded import Recording, read_recordings
from ats_sim.rig import read_rig
from ats_sim.skeleton import Skeleton
from ats_sim.volume import PerceptionVolume

if TYPE_CHECKING:
    from ats_sim.gltf import Animation

__all__ = ["Home", "PerceptionVolume", "check_home", "seal_home"]


@dataclass(frozen=True, eq=False)
class Home:
    """A validated home bundle; its meshes and grids are read when first asked for."""

    folder: Path
    """Where the files lie."""
    name: str
    """What the home is called."""
    skeleton: Skeleton
    """The agent's joint tree."""
    T_home_scene: Array
    """(4, 4) transform from the reconstruction's scene frame to the home frame."""
    files: Mapping[str, Mapping[str, Any]]
    """Listed files with their size and sha256."""
    provenance: Mapping[str, Any]
    """How the home was made."""
    metrics: Mapping[str, Any]
    """How good it is, by the measures of its making."""
    policy_spec: Mapping[str, Any] | None
    """The validated `policy.json`, or None where the home has no policy."""
    unpacked: UnpackedFolder | None = field(default=None, repr=False)
    """Keeps the files of an unpacked zip alive as long as the home is."""

    @classmethod
    def load(cls, path: "str | Path", *, require_policy: bool = True) -> Self:
        """Open and validate a home.

        Args:
            path: `"default"` for the bundled home, a folder, or a `.zip` of one.
            require_policy: Refuse a home that has not been trained yet.

        Raises:
            HomeError: If anything about the bundle is missing, damaged, hostile or contradictory.
        """
        folder, unpacked = _located(path)
        manifest = read_manifest(folder)
        problem = next(bundle_problems(folder, manifest, require_policy), None)
        if problem is not None:
            raise HomeError(problem)
        skeleton = read_skeleton(folder, manifest)
        return cls(
            folder=folder,
            name=str(manifest["name"]),
            skeleton=skeleton,
            T_home_scene=read_pose(folder, manifest["T_home_scene"]),
            files=manifest["files"],
            provenance=manifest.get("provenance", {}),
            metrics=manifest.get("metrics", {}),
            policy_spec=read_policy_spec(folder, manifest, skeleton),
            unpacked=unpacked,
        )

    def file(self, name: str) -> Path:
        """Path of a listed file.

        Raises:
            HomeError: If home.json does not list it (an unlisted file is not trusted).
        """
        if name not in self.files:
            raise HomeError(f"{self.folder}: {name} is not listed in home.json")
        return inside(self.folder, name)

    @cached_property
    def scene(self) -> TriangleMesh:
        """The home's coloured mesh, home frame."""
        from ats_sim.gltf import read_scene

        return read_scene(self.file("scene.glb"))

    @cached_property
    def _agent(self) -> "tuple[SkinnedMesh, list[Animation]]":
        from ats_sim.gltf import read_agent

        skinned, animations = read_agent(self.file("agent.glb"))
        if skinned.skeleton.joint_names != self.skeleton.joint_names:
            raise HomeError(f"{self.folder}: agent.glb and home.json name the joints differently or in another order")
        return skinned, animations

    @property
    def agent(self) -> SkinnedMesh:
        """The rigged agent at rest, root frame."""
        return self._agent[0]

    @property
    def animations(self) -> "list[Animation]":
        """Recorded motions of the agent."""
        return self._agent[1]

    @cached_property
    def perception(self) -> PerceptionVolume:
        """Features, distance field and recorded poses."""
        return PerceptionVolume.read(self.file("perception.npz"))

    @cached_property
    def recordings(self) -> tuple[Recording, ...]:
        """What the videos recorded of animal and observer; empty where the home keeps none."""
        return read_recordings(self.file(RECORDINGS), self.skeleton.num_joints) if RECORDINGS in self.files else ()

    @property
    def collision_paths(self) -> list[Path]:
        """One concave `collision.obj`, or the convex parts `collision/*.obj`."""
        return [self.file(name) for name in sorted(self.files) if is_collision(name)]

    @property
    def urdf_path(self) -> Path:
        """The agent's capsule rig."""
        return self.file("agent.urdf")

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of `home.json`, and so of every file it lists."""
        return sha256(self.folder / "home.json")


def seal_home(
    folder: Path,
    *,
    name: str,
    skeleton: Skeleton,
    T_home_scene: Array,
    provenance: Mapping[str, Any],
    metrics: Mapping[str, Any],
) -> None:
    """Write `home.json` over the files that lie in a folder; atomic, and the same bytes for the same files.

    Raises:
        HomeError: If the folder holds a link or an odd name, or no scene, agent, rig, collision or perception.
    """
    folder = Path(folder)
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    names = [name for name in names if name != "home.json" and not Path(name).name.startswith(".")]
    files = {}
    for listed in names:
        path = inside(folder, listed)
        files[listed] = {"sha256": sha256(path), "size": path.stat().st_size}
    missing = next(missing_files(folder, files), None)
    if missing is not None:
        raise HomeError(missing)
    manifest = {
        "format": HOME_FORMAT,
        "name": name,
        "units": UNITS,
        "files": files,
        "skeleton": skeleton.to_json(),
        "clocks": CLOCKS,
        "T_home_scene": read_pose(folder, T_home_scene).tolist(),
        "provenance": dict(provenance),
        "metrics": dict(metrics),
    }
    write_json(folder / "home.json", manifest)


def check_home(path: "str | Path", *, require_policy: bool = True) -> list[str]:
    """List every problem of a home: files, hashes, skeleton, policy, meshes, rig and grids. Empty means sound."""
    try:
        folder, unpacked = _located(path)
        manifest = read_manifest(folder)
    except AtsError as error:
        return [str(error)]
    problems = list(bundle_problems(folder, manifest, require_policy))
    if not problems:
        home = Home.load(folder, require_policy=False)
        problems = list(_content_problems(home))
    if unpacked is not None:
        unpacked.cleanup()
    return problems


def _located(path: "str | Path") -> tuple[Path, UnpackedFolder | None]:
    """Find the folder of a home; unpack it first where it is a zip."""
    if str(path) == "default":
        if not DEFAULT.is_dir():
            raise HomeError(f"the bundled home is missing at {DEFAULT}; run `make home` or pass home=PATH")
        return DEFAULT, None
    place = Path(path).expanduser().absolute()
    if place.is_dir():
        return place, None
    if not place.exists():
        raise HomeError(f"{place}: no such home; pass 'default', a home folder or a .zip of one")
    if place.suffix.lower() != ".zip":
        raise HomeError(f"{place}: a home is a folder or a .zip, not a {place.suffix or 'nameless'} file")
    unpacked = UnpackedFolder()
    try:
        return unpack(place, unpacked.path), unpacked
    except HomeError:
        unpacked.cleanup()
        raise


def _content_problems(home: Home) -> Iterator[str]:
    """Parse every part of a home whose hashes are right."""

    def scene() -> object:
        return home.scene

    def agent() -> object:
        return home.agent

    def animations() -> object:
        if not home.animations:
            raise HomeError(f"{home.folder}: agent.glb has no animation, want at least one")
        return None

    def perception() -> object:
        if not len(home.perception.agent_roots) or not len(home.perception.observer_cameras):
            raise HomeError(f"{home.folder}: perception.npz records no agent or no observer pose to start from")
        return None

    def recordings() -> object:
        return home.recordings

    def collision() -> object:
        return read_collision(home.collision_paths)

    def rig() -> object:
        return read_rig(home.urdf_path, home.skeleton)

    for part in (scene, agent, animations, perception, recordings, collision, rig):
        try:
            part()
        except AtsError as error:
            yield str(error)
