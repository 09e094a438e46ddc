"""The one interface to every way of drawing, and the choice between them.

``moderngl`` draws with OpenGL on an EGL context that needs no screen; ``raycast`` needs no OpenGL at all and is
slower; ``pyrender`` is there to compare with. All three use the same cameras, shading and labels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol, Unpack, get_args

from ats_sim.arrays import Array
from ats_sim.errors import RenderError
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.rendering.body import Looks
from ats_sim.rendering.frame import Camera, Frame, Lighting

Backend = Literal["auto", "moderngl", "pyrender", "raycast"]


class Renderer(Protocol):
    """Holds meshes and draws them; every method raises RenderError on an unknown handle or after close()."""

    @property
    def name(self) -> str:
        """Which backend draws, e.g. ``moderngl``."""

    @property
    def note(self) -> str:
        """Why this backend was taken and what would be faster; empty when there is nothing to say."""

    def add(self, mesh: TriangleMesh, label: int, **looks: Unpack[Looks]) -> int:
        """Take a mesh (metres) and return its handle.

        label is written into Frame.labels and must be positive below 2**24.
        """

    def add_skinned(self, skinned: SkinnedMesh, label: int, **looks: Unpack[Looks]) -> int:
        """Take a mesh that bends with its skeleton, in the rest pose; the graphics side does the bending."""

    def pose(self, handle: int, joint_transforms: Array) -> None:
        """Bend a skinned mesh to joint transforms (J, 4, 4), as `Skeleton.forward_kinematics` gives them."""

    def update_vertices(self, handle: int, vertices: Array) -> None:
        """Move the vertices (V, 3) of one rigid mesh, metres in its own frame; normals follow."""

    def place(self, handle: int, T_world_mesh: Array) -> None:
        """Put a mesh at a rigid pose (4, 4); meshes start at the identity."""

    def show(self, handle: int, visible: bool) -> None:
        """Draw the mesh, or leave it out together with its shadow."""

    def remove(self, handle: int) -> None:
        """Forget one mesh."""

    def render(self, camera: Camera, lighting: Lighting | None = None) -> Frame:
        """Draw everything once; colour, depth and labels come from the same pass."""

    def close(self) -> None:
        """Give back what the renderer holds; calling it twice is fine."""


def open_renderer(backend: Backend = "auto") -> Renderer:
    """A renderer by name; ``auto`` takes moderngl where OpenGL works and raycast where it does not.

    Raises RenderError for an unknown name, and for a named backend that does not work on this machine.
    """
    if backend not in get_args(Backend):
        raise RenderError(f"renderer {backend!r} does not exist; choose one of {', '.join(get_args(Backend))}.")
    if backend != "auto":
        return _OPENERS[backend]("")
    try:
        return _open_moderngl("")
    except RenderError as error:
        return _open_raycast(f"no OpenGL here ({error}); drawing by ray casting, which is slower. {FASTER}")


FASTER = "To draw faster: sudo apt-get install -y libegl1 libgl1"


def _open_moderngl(note: str) -> Renderer:
    from ats_sim.rendering.moderngl_backend import ModernglRenderer

    return ModernglRenderer(note)


def _open_raycast(note: str) -> Renderer:
    from ats_sim.rendering.raycast_backend import RaycastRenderer

    return RaycastRenderer(note)


def _open_pyrender(note: str) -> Renderer:
    from ats_sim.rendering.pyrender_backend import PyrenderRenderer

    return PyrenderRenderer(note)


_OPENERS: dict[str, Callable[[str], Renderer]] = {
    "moderngl": _open_moderngl,
    "raycast": _open_raycast,
    "pyrender": _open_pyrender,
}
