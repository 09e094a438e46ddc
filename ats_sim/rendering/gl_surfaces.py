"""The pass that draws meshes and the sky: colour, normal, depth and label of the nearest surface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
        context, surfaces, view = self._context, target.surfaces, _View(camera)
        solid = [drawn for drawn in visible if not drawn.body.is_glass]
        surfaces.color_mask = ALL
        surfaces.use()
        surfaces.clear(0.0, 0.0, 0.0, 0.0, depth=1.0)
        if camera.cut_height is not None:
            context.enable_direct(GL_CLIP_DISTANCE0)
        view.draw([drawn for drawn in solid if not drawn.body.unlit])
        surfaces.color_mask = NO_NORMALS
        view.draw([drawn for drawn in solid if drawn.body.unlit])
        context.disable_direct(GL_CLIP_DISTANCE0)
        self._draw_sky(camera, lighting)
        if len(solid) < len(visible):
            self._draw_glass(surfaces, [drawn for drawn in visible if drawn.body.is_glass], view)

    def _draw_sky(self, camera: Camera, lighting: Lighting) -> None:
        program, intrinsics = self._sky.program, camera.intrinsics
        program["T_world_camera"].write(columns(camera.T_world_camera))
        program["pinhole"].value = (intrinsics.fl_x, intrinsics.fl_y, intrinsics.cx, intrinsics.cy)
        program["horizon"].value = tuple(channel / 255.0 for channel in lighting.horizon)
        program["zenith"].value = tuple(channel / 255.0 for channel in lighting.zenith)
        self._context.depth_func = "<="
        self._sky.render(vertices=3)
        self._context.depth_func = "<"

    def _draw_glass(self, surfaces: Any, glass: Sequence[Drawn], view: _View) -> None:
        """First which of them is nearest, then its colour over what is behind, so that none shows through itself."""
        context = self._context
        if view.camera.cut_height is not None:
            context.enable_direct(GL_CLIP_DISTANCE0)
        surfaces.color_mask = NOTHING
        view.draw(glass)
        surfaces.color_mask = NO_NORMALS
        context.depth_func = "=="
        context.enable(context.BLEND)
        # The alpha that is there says whether the surface behind is lit; it stays.
        context.blend_func = (context.SRC_ALPHA, context.ONE_MINUS_SRC_ALPHA, context.ZERO, context.ONE)
        view.draw(glass)
        context.disable(context.BLEND)
        context.depth_func = "<"
        context.disable_direct(GL_CLIP_DISTANCE0)


class _View:
    """Draws bodies as one camera sees them."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        """Who looks."""
        self._T_clip_world = camera.clip_matrix()
        self._prepared: set[Any] = set()

    def draw(self, bodies: Sequence[Drawn]) -> None:
        """Draw what the camera may see of them, near chunks first."""
        for drawn in bodies:
            self._prepare(drawn)
            render = drawn.draw.render
            if drawn.chunks is None:
                render()
                continue
            for first, count in drawn.chunks.nearest_first(self._T_clip_world @ drawn.body.T_world_mesh):
                render(vertices=3 * count, first=3 * first)

    def _prepare(self, drawn: Drawn) -> None:
        body, program, camera = drawn.body, drawn.draw.program, self.camera
        if program not in self._prepared:
            self._prepared.add(program)
            program["T_clip_world"].write(columns(self._T_clip_world))
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
