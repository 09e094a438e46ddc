"""Drawing with OpenGL through moderngl, on an EGL context that needs no screen (Mesa's llvmpipe is enough).

One pass writes colour to one target and (z-depth, label) to a second. Rows come out top first because the projection
is upside down (see Camera.clip_matrix). Never fork a process that holds one of these: OpenGL contexts do not survive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.errors import RenderError
from ats_sim.mesh import TriangleMesh
from ats_sim.rendering.body import Body, Shelf
from ats_sim.rendering.color import linear_from_srgb
from ats_sim.rendering.frame import Camera, Frame, Lighting, paint_sky
from ats_sim.rendering.shaders import FRAGMENT, SHADOW_FRAGMENT, SHADOW_VERTEX, VERTEX, textured
from ats_sim.rendering.shadow import RESOLUTION, ShadowBox

GL_SRGB8 = 0x8C41
GL_CLIP_DISTANCE0 = 0x3000
SHADOW_UNIT = 1
NO_CUT = 1e9


@dataclass
class _Drawn:
    """A body with its buffers on the graphics side."""

    body: Body
    geometry: Any
    surface: Any
    indices: Any
    texture: Any | None
    draw: Any
    cast: Any | None

    def release(self) -> None:
        for item in (self.draw, self.cast, self.geometry, self.surface, self.indices, self.texture):
            if item is not None:
                item.release()


@dataclass
class _Target:
    """Off-screen pictures of one size."""

    framebuffer: Any
    parts: tuple[Any, ...]

    def release(self) -> None:
        for item in (self.framebuffer, *self.parts):
            item.release()


class ModernglRenderer:
    """See ats_sim.rendering.renderer.Renderer."""

    name = "moderngl"

    def __init__(self, note: str = "") -> None:
        """Open an OpenGL context; RenderError, naming what to install, where there is none."""
        self.note = note
        self._context = _open_context()
        self._shelf: Shelf[_Drawn] = Shelf()
        self._targets: dict[tuple[int, int], _Target] = {}
        with self._context:
            program = self._context.program
            self._plain = program(vertex_shader=VERTEX, fragment_shader=FRAGMENT)
            self._textured = program(vertex_shader=textured(VERTEX), fragment_shader=textured(FRAGMENT))
            self._caster = program(vertex_shader=SHADOW_VERTEX, fragment_shader=SHADOW_FRAGMENT)
            self._shadow_map = self._context.depth_texture((RESOLUTION, RESOLUTION))
            self._shadow_map.compare_func = "<="
            self._shadow_map.repeat_x = self._shadow_map.repeat_y = False
            self._shadow_target = self._context.framebuffer(depth_attachment=self._shadow_map)
            self._textured["albedo_map"].value = 0
            for shading in (self._plain, self._textured):
                shading["shadow_map"].value = SHADOW_UNIT
        self._closed = False

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
        with self._open() as context:
            target = self._target(camera.intrinsics.width, camera.intrinsics.height).framebuffer
            visible = [drawn for drawn in self._shelf if drawn.body.visible]
            self._set_frame(camera, lighting, self._draw_shadows(visible, lighting))
            target.use()
            target.clear(0.0, 0.0, 0.0, 0.0, depth=1.0)
            self._shadow_map.use(SHADOW_UNIT)
            cut = GL_CLIP_DISTANCE0 if camera.cut_height is not None else 0
            context.enable(context.DEPTH_TEST)
            if cut:
                context.enable_direct(cut)
            for drawn in visible:
                self._draw(drawn)
            if cut:
                context.disable_direct(cut)
            return _read(target, camera, lighting)

    def close(self) -> None:
        """See Renderer.close."""
        if self._closed:
            return
        self._closed = True
        with self._context:
            for item in [*self._shelf.clear(), *self._targets.values()]:
                item.release()
        self._context.release()

    def _open(self) -> Any:
        if self._closed:
            raise RenderError("this renderer was closed; open a new one with open_renderer().")
        return self._context

    def _upload(self, body: Body) -> _Drawn:
        context, source = self._context, body.creases.source
        geometry = context.buffer(_geometry(body))
        indices = context.buffer(np.ascontiguousarray(body.creases.faces, dtype=np.int32))
        texture = None
        if body.mesh.texture is not None and body.mesh.uv is not None:
            height, width = body.mesh.texture.shape[:2]
            pixels = np.ascontiguousarray(body.mesh.texture).tobytes()
            texture = context.texture((width, height), 3, pixels, alignment=1, internal_format=GL_SRGB8)
            texture.build_mipmaps()
            surface = context.buffer(np.ascontiguousarray(body.mesh.uv[source], dtype=np.float32))
            looks, program = (surface, "2f", "in_uv"), self._textured
        else:
            surface = context.buffer(np.ascontiguousarray(linear_from_srgb(body.colors[source])))
            looks, program = (surface, "3f", "in_color"), self._plain
        shape = (geometry, "3f 3f", "in_position", "in_normal")
        draw = context.vertex_array(program, [shape, looks], index_buffer=indices)
        cast = None
        if body.casts_shadow:
            cast = context.vertex_array(self._caster, [(geometry, "3f 3x4", "in_position")], index_buffer=indices)
        return _Drawn(body, geometry, surface, indices, texture, draw, cast)

    def _target(self, width: int, height: int) -> _Target:
        if (width, height) not in self._targets:
            color = self._context.renderbuffer((width, height), 4)
            depth_label = self._context.renderbuffer((width, height), 2, dtype="f4")
            z_buffer = self._context.depth_renderbuffer((width, height))
            framebuffer = self._context.framebuffer([color, depth_label], z_buffer)
            self._targets[width, height] = _Target(framebuffer, (color, depth_label, z_buffer))
        return self._targets[width, height]

    def _draw_shadows(self, visible: list[_Drawn], lighting: Lighting) -> ShadowBox | None:
        casters = [drawn for drawn in visible if drawn.cast is not None]
        if not casters or lighting.shadow == 0.0 or lighting.strength == 0.0:
            return None
        box = ShadowBox.around([drawn.body for drawn in casters], lighting.to_lamp)
        self._shadow_target.use()
        self._shadow_target.clear(depth=1.0)
        self._context.enable(self._context.DEPTH_TEST)
        self._caster["T_shadow_world"].write(_columns(box.T_shadow_world))
        for drawn in casters:
            self._caster["T_world_mesh"].write(_columns(drawn.body.T_world_mesh))
            if drawn.cast is not None:
                drawn.cast.render()
        return box

    def _set_frame(self, camera: Camera, lighting: Lighting, box: ShadowBox | None) -> None:
        R_world_camera, eye = camera.T_world_camera[:3, :3], camera.position
        forward = R_world_camera[:, 2]
        for program in (self._plain, self._textured):
            program["T_clip_world"].write(_columns(camera.clip_matrix()))
            program["depth_axis"].value = (*forward, -float(forward @ eye))
            program["cut_height"].value = NO_CUT if camera.cut_height is None else camera.cut_height
            program["eye"].value = tuple(eye)
            program["lamp"].value = tuple(lighting.to_lamp)
            program["light_color"].value = lighting.color
            program["ambient"].value = lighting.ambient
            program["strength"].value = lighting.strength
            program["shadow"].value = lighting.shadow
            program["any_shadow"].value = box is not None
            if box is not None:
                T_biased = box.T_shadow_world.copy()
                T_biased[2, 3] -= box.bias
                program["T_shadow_world"].write(_columns(T_biased))
                program["blur"].value = box.blur

    def _draw(self, drawn: _Drawn) -> None:
        body, program = drawn.body, drawn.draw.program
        program["T_world_mesh"].write(_columns(body.T_world_mesh))
        program["tint"].value = body.tint
        program["label"].value = float(body.label)
        program["unlit"].value = body.unlit
        if drawn.texture is not None:
            drawn.texture.use(0)
        drawn.draw.render()


def _open_context() -> Any:
    try:
        import moderngl
    except ImportError as error:
        raise RenderError(f"moderngl is not installed ({error}): pip install moderngl") from error
    try:
        context = moderngl.create_context(standalone=True, backend="egl", require=330)
    except Exception as error:
        # moderngl and glcontext raise plain Exceptions, each driver with its own words.
        raise RenderError(f"no EGL context for OpenGL 3.3: {error}") from error
    context.gc_mode = None
    return context


def _geometry(body: Body) -> bytes:
    positions = body.mesh.vertices[body.creases.source]
    return np.concatenate([positions, body.creases.normals(body.mesh)], axis=1, dtype=np.float32).tobytes()


def _columns(matrix: Array) -> bytes:
    """A matrix (4, 4) in OpenGL's column order."""
    return matrix.T.astype(np.float32).tobytes()


def _read(target: Any, camera: Camera, lighting: Lighting) -> Frame:
    shape = (camera.intrinsics.height, camera.intrinsics.width)
    rgb = np.frombuffer(target.read(components=3, alignment=1), np.uint8).reshape(*shape, 3).copy()
    depth_label = np.frombuffer(target.read(components=2, attachment=1, dtype="f4", alignment=1), np.float32)
    depth_label = depth_label.reshape(*shape, 2)
    labels = depth_label[..., 1].astype(np.int32)
    paint_sky(rgb, labels == 0, camera, lighting)
    return Frame(rgb=rgb, depth=depth_label[..., 0].copy(), labels=labels)
