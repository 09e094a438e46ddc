"""Drawing with OpenGL through moderngl, on an EGL context that needs no screen (Mesa's llvmpipe is enough).

Rows come out top first because the projection is upside down (see Camera.clip_matrix). Never fork a process that holds
one of these: OpenGL contexts do not survive it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.errors import RenderError
from ats_sim.mesh import TriangleMesh
from ats_sim.rendering.body import Body, Shelf
from ats_sim.rendering.chunks import Chunks
from ats_sim.rendering.frame import Camera, Frame, Lighting
from ats_sim.rendering.shaders import (
    LIGHT_FRAGMENT,
    LIGHT_VERTEX,
    SHADOW_FRAGMENT,
    SHADOW_VERTEX,
    SURFACE_FRAGMENT,
    SURFACE_VERTEX,
    shadowed,
    textured,
)
from ats_sim.rendering.shadow import RESOLUTION, SOFTNESS, ShadowBox, screen_rectangle

GL_CLIP_DISTANCE0 = 0x3000
MAPS = ("albedo_map", "normal_map", "depth_label_map", "shadow_map")
NO_CUT = 1e9


@dataclass
class _Drawn:
    """A body with its buffers on the graphics side."""

    body: Body
    geometry: Any
    draw: Any
    cast: Any | None
    texture: Any | None
    others: tuple[Any, ...]
    chunks: Chunks | None

    def release(self) -> None:
        for item in (self.draw, self.cast, self.geometry, self.texture, *self.others):
            if item is not None:
                item.release()


@dataclass
class _Target:
    """Off-screen pictures of one size: what the surface pass writes, and the lit picture."""

    surfaces: Any
    maps: tuple[Any, Any, Any]
    picture: Any
    others: tuple[Any, ...]

    @classmethod
    def of(cls, context: Any, width: int, height: int) -> _Target:
        size = (width, height)
        maps = (context.texture(size, 4), context.texture(size, 4), context.texture(size, 2, dtype="f4"))
        z_buffer, color = context.depth_renderbuffer(size), context.renderbuffer(size, 4)
        return cls(context.framebuffer(maps, z_buffer), maps, context.framebuffer([color]), (z_buffer, color))

    def release(self) -> None:
        for item in (self.surfaces, self.picture, *self.maps, *self.others):
            item.release()


class ModernglRenderer:
    """See ats_sim.rendering.renderer.Renderer."""

    name = "moderngl"

    def __init__(self, note: str = "") -> None:
        """Open an OpenGL context; RenderError, naming what to install, where there is none."""
        self.note = note
        self._closed = False
        self._shelf: Shelf[_Drawn] = Shelf()
        self._targets: dict[tuple[int, int], _Target] = {}
        self._context = _open_context()
        with self._context as context:
            self._plain = context.program(vertex_shader=SURFACE_VERTEX, fragment_shader=SURFACE_FRAGMENT)
            self._textured = context.program(
                vertex_shader=textured(SURFACE_VERTEX), fragment_shader=textured(SURFACE_FRAGMENT)
            )
            self._caster = context.program(vertex_shader=SHADOW_VERTEX, fragment_shader=SHADOW_FRAGMENT)
            self._light, self._shadow_light = (
                context.program(vertex_shader=LIGHT_VERTEX, fragment_shader=source)
                for source in (LIGHT_FRAGMENT, shadowed(LIGHT_FRAGMENT))
            )
            self._screens = {
                program: context.vertex_array(program, []) for program in (self._light, self._shadow_light)
            }
            for unit, name in enumerate(MAPS):
                for program in self._screens:
                    if name in program:
                        program[name].value = unit
            self._shadow_map = context.depth_texture((RESOLUTION, RESOLUTION))
            self._shadow_map.compare_func = "<="
            self._shadow_map.repeat_x = self._shadow_map.repeat_y = False
            self._shadow_target = context.framebuffer(depth_attachment=self._shadow_map)

    def add(
        self,
        mesh: TriangleMesh,
        label: int,
        *,
        unlit: bool = False,
        casts_shadow: bool = False,
        tint: tuple[float, float, float] = (1.0, 1.0, 1.0),
    ) -> int:
        """See Renderer.add."""
        body = Body.of(mesh, label, unlit, casts_shadow, tint)
        with self._open():
            return self._shelf.put(self._upload(body))

    def update_vertices(self, handle: int, vertices: Array) -> None:
        """See Renderer.update_vertices."""
        drawn = self._shelf.get(handle)
        drawn.body.set_vertices(vertices)
        drawn.chunks = None
        with self._open():
            drawn.geometry.write(_geometry(drawn.body))

    def place(self, handle: int, T_world_mesh: Array) -> None:
        """See Renderer.place."""
        self._shelf.get(handle).body.T_world_mesh = checked("T_world_mesh", T_world_mesh, (4, 4))

    def show(self, handle: int, visible: bool) -> None:
        """See Renderer.show."""
        self._shelf.get(handle).body.visible = visible

    def remove(self, handle: int) -> None:
        """See Renderer.remove."""
        with self._open():
            self._shelf.take(handle).release()

    def render(self, camera: Camera, lighting: Lighting | None = None) -> Frame:
        """See Renderer.render."""
        lighting = lighting or Lighting()
        size = (camera.intrinsics.width, camera.intrinsics.height)
        with self._open() as context:
            if size not in self._targets:
                self._targets[size] = _Target.of(context, *size)
            target = self._targets[size]
            visible = [drawn for drawn in self._shelf if drawn.body.visible]
            context.enable(context.DEPTH_TEST)
            shadow_box = self._draw_shadows(visible, lighting)
            self._draw_surfaces(target, visible, camera)
            self._draw_light(target, camera, lighting, shadow_box)
            return _read(target, *size)

    def close(self) -> None:
        """See Renderer.close."""
        if self._closed:
            return
        self._closed = True
        with self._context:
            held: list[_Drawn | _Target] = [*self._shelf.clear(), *self._targets.values()]
            for item in held:
                item.release()
        self._context.release()

    def _open(self) -> Any:
        if self._closed:
            raise RenderError("this renderer was closed; open a new one with open_renderer().")
        return self._context

    def _upload(self, body: Body) -> _Drawn:
        context, source = self._context, body.creases.source
        geometry = context.buffer(_geometry(body))
        chunks = Chunks.of(body.mesh.vertices, body.mesh.faces)
        indices = context.buffer(np.ascontiguousarray(body.creases.faces[chunks.order], dtype=np.int32))
        texture = None
        if body.mesh.texture is not None and body.mesh.uv is not None:
            height, width = body.mesh.texture.shape[:2]
            texture = context.texture((width, height), 3, np.ascontiguousarray(body.mesh.texture), alignment=1)
            texture.build_mipmaps()
            surface = context.buffer(np.ascontiguousarray(body.mesh.uv[source], dtype=np.float32))
            looks, program = (surface, "2f", "in_uv"), self._textured
        else:
            surface = context.buffer(np.ascontiguousarray(body.colors[source]))
            looks, program = (surface, "3f1", "in_color"), self._plain
        shape = (geometry, "3f 3f", "in_position", "in_normal")
        draw = context.vertex_array(program, [shape, looks], index_buffer=indices)
        cast = None
        if body.casts_shadow:
            cast = context.vertex_array(self._caster, [(geometry, "3f 3x4", "in_position")], index_buffer=indices)
        return _Drawn(body, geometry, draw, cast, texture, (surface, indices), chunks)

    def _draw_shadows(self, visible: list[_Drawn], lighting: Lighting) -> ShadowBox | None:
        casters = [drawn for drawn in visible if drawn.cast is not None]
        if not casters or lighting.shadow == 0.0:
            return None
        box = ShadowBox.around([drawn.body for drawn in casters], lighting.to_lamp)
        self._shadow_target.use()
        self._shadow_target.clear(depth=1.0)
        self._caster["T_shadow_world"].write(_columns(box.T_shadow_world))
        for drawn in casters:
            self._caster["T_world_mesh"].write(_columns(drawn.body.T_world_mesh))
            if drawn.cast is not None:
                drawn.cast.render()
        return box

    def _draw_surfaces(self, target: _Target, visible: list[_Drawn], camera: Camera) -> None:
        T_clip_world = camera.clip_matrix()
        target.surfaces.use()
        target.surfaces.clear(0.0, 0.0, 0.0, 0.0, depth=1.0)
        for program in (self._plain, self._textured):
            program["T_clip_world"].write(_columns(T_clip_world))
            program["cut_height"].value = NO_CUT if camera.cut_height is None else camera.cut_height
        if camera.cut_height is not None:
            self._context.enable_direct(GL_CLIP_DISTANCE0)
        for drawn in visible:
            body, program = drawn.body, drawn.draw.program
            program["T_world_mesh"].write(_columns(body.T_world_mesh))
            program["tint"].value = body.tint
            program["label"].value = float(body.label)
            program["unlit"].value = float(body.unlit)
            if drawn.texture is not None:
                drawn.texture.use(0)
            _draw_runs(drawn, T_clip_world)
        self._context.disable_direct(GL_CLIP_DISTANCE0)

    def _draw_light(self, target: _Target, camera: Camera, lighting: Lighting, box: ShadowBox | None) -> None:
        for unit, picture in enumerate((*target.maps, self._shadow_map)):
            picture.use(unit)
        target.picture.use()
        self._context.disable(self._context.DEPTH_TEST)
        self._light_pixels(self._light, camera, lighting)
        reach = None if box is None else screen_rectangle(box.corners(), camera)
        if box is None or reach is None:
            return
        self._shadow_light["T_shadow_world"].write(_columns(box.biased()))
        self._shadow_light["blur"].value = SOFTNESS / float(box.size[0])
        self._shadow_light["shadow"].value = lighting.shadow
        target.picture.scissor = reach
        self._light_pixels(self._shadow_light, camera, lighting)
        target.picture.scissor = None

    def _light_pixels(self, program: Any, camera: Camera, lighting: Lighting) -> None:
        intrinsics = camera.intrinsics
        program["T_world_camera"].write(_columns(camera.T_world_camera))
        program["pinhole"].value = (intrinsics.fl_x, intrinsics.fl_y, intrinsics.cx, intrinsics.cy)
        program["lamp"].value = tuple(lighting.to_lamp)
        program["light_color"].value = lighting.color
        program["ambient"].value = lighting.ambient
        program["strength"].value = lighting.strength
        program["horizon"].value = tuple(channel / 255.0 for channel in lighting.horizon)
        program["zenith"].value = tuple(channel / 255.0 for channel in lighting.zenith)
        self._screens[program].render(vertices=3)


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


def _draw_runs(drawn: _Drawn, T_clip_world: Array) -> None:
    if drawn.chunks is None:
        drawn.draw.render()
        return
    for first, count in drawn.chunks.visible_runs(T_clip_world @ drawn.body.T_world_mesh):
        drawn.draw.render(vertices=3 * count, first=3 * first)


def _geometry(body: Body) -> bytes:
    positions = body.mesh.vertices[body.creases.source]
    return np.concatenate([positions, body.creases.normals(body.mesh)], axis=1, dtype=np.float32).tobytes()


def _columns(matrix: Array) -> bytes:
    """A matrix (4, 4) in OpenGL's column order."""
    return matrix.T.astype(np.float32).tobytes()


def _read(target: _Target, width: int, height: int) -> Frame:
    rgb = np.frombuffer(target.picture.read(components=3, alignment=1), np.uint8).reshape(height, width, 3)
    raw = target.surfaces.read(components=2, attachment=2, dtype="f4", alignment=1)
    depth_label = np.frombuffer(raw, np.float32).reshape(height, width, 2)
    return Frame(rgb=rgb.copy(), depth=depth_label[..., 0].copy(), labels=depth_label[..., 1].astype(np.int32))
