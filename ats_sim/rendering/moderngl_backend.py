"""Drawing with OpenGL through moderngl, on an EGL context that needs no screen (Mesa's llvmpipe is enough).

Rows come out top first because the projection is upside down (see Camera.clip_matrix).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Unpack

from ats_sim.arrays import Array, checked
from ats_sim.errors import RenderError
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.rendering.body import Body, Looks, Shelf
from ats_sim.rendering.contexts import LOST, Hold, current_context
from ats_sim.rendering.frame import Camera, Frame, Lighting
from ats_sim.rendering.gl_bodies import Drawn, Programs
from ats_sim.rendering.gl_light import LightPass
from ats_sim.rendering.gl_surfaces import SurfacePass
from ats_sim.rendering.gl_target import Target


class ModernglRenderer:
    """See ats_sim.rendering.renderer.Renderer."""

    name = "moderngl"

    def __init__(self, note: str = "") -> None:
        """Open an OpenGL context; RenderError, naming what to install or to close, where that cannot be."""
        self.note = note
        self._closed = False
        self._shelf: Shelf[Drawn] = Shelf()
        self._targets: dict[tuple[int, int], Target] = {}
        self._hold = Hold(self.name)
        try:
            self._context = _open_context()
        except RenderError:
            self._hold.release()
            raise
        with self._context as context:
            self._native = current_context()
            self._programs = Programs(context)
            self._surfaces = SurfacePass(context, self._programs)
            self._light = LightPass(context, self._programs)

    def add(self, mesh: TriangleMesh, label: int, **looks: Unpack[Looks]) -> int:
        """See Renderer.add."""
        return self._put(Body.of(mesh, label, looks))

    def add_skinned(self, skinned: SkinnedMesh, label: int, **looks: Unpack[Looks]) -> int:
        """See Renderer.add_skinned."""
        return self._put(Body.of(skinned, label, looks))

    def pose(self, handle: int, joint_transforms: Array) -> None:
        """See Renderer.pose."""
        drawn = self._shelf.get(handle)
        drawn.body.pose(joint_transforms)
        with self._current():
            drawn.repose()

    def update_vertices(self, handle: int, vertices: Array) -> None:
        """See Renderer.update_vertices."""
        drawn = self._shelf.get(handle)
        drawn.body.set_vertices(vertices)
        with self._current():
            drawn.reshape()

    def place(self, handle: int, T_world_mesh: Array) -> None:
        """See Renderer.place."""
        self._shelf.get(handle).body.T_world_mesh = checked("T_world_mesh", T_world_mesh, (4, 4))

    def show(self, handle: int, visible: bool) -> None:
        """See Renderer.show."""
        self._shelf.get(handle).body.visible = visible

    def remove(self, handle: int) -> None:
        """See Renderer.remove."""
        with self._current():
            self._shelf.take(handle).release()

    def render(self, camera: Camera, lighting: Lighting | None = None) -> Frame:
        """See Renderer.render."""
        lighting = lighting or Lighting()
        size = (camera.intrinsics.width, camera.intrinsics.height)
        with self._current() as context:
            if size not in self._targets:
                self._targets[size] = Target.of(context, *size)
            target = self._targets[size]
            visible = [drawn for drawn in self._shelf if drawn.body.visible]
            context.enable(context.DEPTH_TEST)
            shadow = self._light.cast(visible, camera, lighting)
            self._surfaces.draw(target, visible, camera, lighting)
            return target.read(self._light.light(target, visible, camera, lighting, shadow))

    def close(self) -> None:
        """See Renderer.close."""
        if self._closed:
            return
        self._closed = True
        self._hold.release()
        if self._hold.is_inherited:
            return
        with self._context:
            if current_context() != self._native:
                # The names of our buffers belong to somebody else's context now.
                return
            held: list[Drawn | Target] = [*self._shelf.clear(), *self._targets.values()]
            for item in held:
                item.release()
        self._context.release()

    def _put(self, body: Body) -> int:
        with self._current() as context:
            return self._shelf.put(Drawn.upload(context, self._programs, body))

    @contextmanager
    def _current(self) -> Iterator[Any]:
        """Our context, made the process' current one; RenderError where that is no longer possible."""
        if self._closed:
            raise RenderError("this renderer was closed; open a new one with open_renderer().")
        self._hold.check()
        with self._context as context:
            if current_context() != self._native:
                raise RenderError(LOST)
            yield context


def _open_context() -> Any:
    try:
        import moderngl
    except ImportError as error:
        raise RenderError(f"moderngl is not installed ({error}): pip install moderngl") from error
    try:
        options: dict[str, Any] = {"standalone": True, "backend": "egl", "require": 330}
        return moderngl.create_context(**options)
    except Exception as error:
        # moderngl and glcontext raise plain Exceptions, each driver with its own words.
        raise RenderError(f"no EGL context for OpenGL 3.3: {error}") from error
