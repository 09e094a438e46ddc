"""The pass that draws meshes and the sky: colour, normal, depth and label of the nearest surface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ats_sim.arrays import Array
from ats_sim.rendering.frame import Camera, Lighting
from ats_sim.rendering.gl_bodies import Drawn, Programs, columns
from ats_sim.rendering.gl_target import Target
from ats_sim.rendering.shaders import SCREEN_VERTEX, SKY_FRAGMENT

GL_CLIP_DISTANCE0 = 0x3000
NO_CUT = 1e9
ALL = ((True,) * 4,) * 3
NO_NORMALS = ((True,) * 4, (False,) * 4, (True,) * 4)
NOTHING = ((False,) * 4,) * 3


class SurfacePass:
    """Draws bodies and the sky into a target's maps."""

    def __init__(self, context: Any, programs: Programs) -> None:
        self._context, self._programs = context, programs
        self._sky = context.vertex_array(programs.get(SCREEN_VERTEX, SKY_FRAGMENT), [])

    def draw(self, target: Target, visible: Sequence[Drawn], camera: Camera, lighting: Lighting) -> None:
        """Draw what is lit, what is not, the sky, and at last what is translucent."""
        context, surfaces = self._context, target.surfaces
        T_clip_world = camera.clip_matrix()
        surfaces.color_mask = ALL
        surfaces.use()
        surfaces.clear(0.0, 0.0, 0.0, 0.0, depth=1.0)
        if camera.cut_height is not None:
            context.enable_direct(GL_CLIP_DISTANCE0)
        solid = [drawn for drawn in visible if not drawn.body.is_glass]
        prepared: set[Any] = set()
        for is_unlit in (False, True):
            if is_unlit:
                surfaces.color_mask = NO_NORMALS
            for drawn in solid:
                if drawn.body.unlit == is_unlit:
                    _prepare(drawn, camera, T_clip_world, prepared)
                    _draw_runs(drawn, T_clip_world)
        context.disable_direct(GL_CLIP_DISTANCE0)
        self._draw_sky(camera, lighting)
        if len(solid) < len(visible):
            glass = [drawn for drawn in visible if drawn.body.is_glass]
            self._draw_glass(surfaces, glass, camera, T_clip_world, prepared)

    def _draw_sky(self, camera: Camera, lighting: Lighting) -> None:
        program, intrinsics = self._sky.program, camera.intrinsics
        program["T_world_camera"].write(columns(camera.T_world_camera))
        program["pinhole"].value = (intrinsics.fl_x, intrinsics.fl_y, intrinsics.cx, intrinsics.cy)
        program["horizon"].value = tuple(channel / 255.0 for channel in lighting.horizon)
        program["zenith"].value = tuple(channel / 255.0 for channel in lighting.zenith)
        self._context.depth_func = "<="
        self._sky.render(vertices=3)
        self._context.depth_func = "<"

    def _draw_glass(
        self, surfaces: Any, glass: Sequence[Drawn], camera: Camera, T_clip_world: Array, prepared: set[Any]
    ) -> None:
        """First which of them is nearest, then its colour over what is behind, so that none shows through itself."""
        context = self._context
        if camera.cut_height is not None:
            context.enable_direct(GL_CLIP_DISTANCE0)
        for surfaces.color_mask in (NOTHING, NO_NORMALS):
            if surfaces.color_mask == NO_NORMALS:
                context.depth_func = "=="
                context.enable(context.BLEND)
                # The alpha that is there says whether the surface behind is lit; it stays.
                context.blend_func = (context.SRC_ALPHA, context.ONE_MINUS_SRC_ALPHA, context.ZERO, context.ONE)
            for drawn in glass:
                _prepare(drawn, camera, T_clip_world, prepared)
                _draw_runs(drawn, T_clip_world)
        context.disable(context.BLEND)
        context.depth_func = "<"
        context.disable_direct(GL_CLIP_DISTANCE0)


def _prepare(drawn: Drawn, camera: Camera, T_clip_world: Array, prepared: set[Any]) -> None:
    body, program = drawn.body, drawn.draw.program
    if program not in prepared:
        prepared.add(program)
        program["T_clip_world"].write(columns(T_clip_world))
        program["cut_height"].value = NO_CUT if camera.cut_height is None else camera.cut_height
        if "eye" in program:
            program["eye"].value = tuple(camera.position)
    program["T_world_mesh"].write(columns(body.T_world_mesh))
    program["tint"].value = body.tint
    program["label"].value = float(body.label)
    if "opacity" in program:
        program["opacity"].value = body.opacity
    if drawn.texture is not None:
        drawn.texture.use(0)
    if drawn.bend is not None:
        drawn.bend.bind_to_uniform_block(0)


def _draw_runs(drawn: Drawn, T_clip_world: Array) -> None:
    if drawn.chunks is None:
        drawn.draw.render()
        return
    render = drawn.draw.render
    for first, count in drawn.chunks.nearest_first(T_clip_world @ drawn.body.T_world_mesh):
        render(vertices=3 * count, first=3 * first)
