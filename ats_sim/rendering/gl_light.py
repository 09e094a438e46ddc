"""Shadows, and the pass that lights what the surface pass left to be lit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.rendering.frame import Camera, Lighting
from ats_sim.rendering.gl_bodies import Drawn, Programs, columns
from ats_sim.rendering.gl_target import Target
from ats_sim.rendering.shaders import LIGHT_FRAGMENT, SCREEN_VERTEX
from ats_sim.rendering.shadow import SOFTNESS, ShadowBox, screen_rectangle

MAPS = ("albedo_map", "normal_map", "depth_label_map", "shadow_map")
Rectangle = tuple[int, int, int, int]


class LightPass:
    """Lights rectangles of a picture; the rest of it is copied."""

    def __init__(self, context: Any, programs: Programs) -> None:
        self._context = context
        plain, shadowed = (programs.get(SCREEN_VERTEX, LIGHT_FRAGMENT, *names) for names in ((), ("SHADOWED",)))
        self._plain, self._shadowed = context.vertex_array(plain, []), context.vertex_array(shadowed, [])
        for unit, name in enumerate(MAPS):
            for program in (plain, shadowed):
                if name in program:
                    program[name].value = unit
        self._maps: dict[int, tuple[Any, Any]] = {}

    def cast(self, visible: Sequence[Drawn], camera: Camera, lighting: Lighting) -> tuple[ShadowBox, Rectangle] | None:
        """Draw the lamp's view of the casters; None where no shadow can be seen, else its box and where it shows."""
        casters = [drawn for drawn in visible if drawn.cast is not None]
        if not casters or lighting.shadow == 0.0:
            return None
        box = ShadowBox.around([drawn.body for drawn in casters], lighting.to_lamp)
        reach = screen_rectangle(box.corners(), camera)
        if reach is None:
            return None
        _, target = self._map(box.resolution)
        target.use()
        target.clear(depth=1.0)
        for drawn in casters:
            if drawn.cast is None:
                continue
            drawn.cast.program["T_shadow_world"].write(columns(box.T_shadow_world))
            drawn.cast.program["T_world_mesh"].write(columns(drawn.body.T_world_mesh))
            if drawn.bend is not None:
                drawn.bend.bind_to_uniform_block(0)
            drawn.cast.render()
        return box, reach

    def light(
        self,
        target: Target,
        visible: Sequence[Drawn],
        camera: Camera,
        lighting: Lighting,
        shadow: tuple[ShadowBox, Rectangle] | None,
    ) -> bool:
        """Light a picture; False if nothing in it had to be, so that the surface pass' colours are the picture."""
        plain = _plainly_lit(visible, camera, lighting, has_shadow=shadow is not None)
        if plain is None and shadow is None:
            return False
        context, picture = self._context, target.picture
        context.copy_framebuffer(picture, target.colors)
        for unit, surface_map in enumerate(target.maps):
            surface_map.use(unit)
        picture.use()
        context.disable(context.DEPTH_TEST)
        if plain is not None:
            self._shade(picture, self._plain, plain, camera, lighting)
        if shadow is not None:
            box, reach = shadow
            self._map(box.resolution)[0].use(len(target.maps))
            program = self._shadowed.program
            program["T_shadow_world"].write(columns(box.biased()))
            program["blur"].value = SOFTNESS / float(box.size[0])
            program["shadow"].value = lighting.shadow
            self._shade(picture, self._shadowed, reach, camera, lighting)
        context.enable(context.DEPTH_TEST)
        return True

    def _map(self, resolution: int) -> tuple[Any, Any]:
        """The lamp's depth picture of a resolution, and the frame buffer that draws into it."""
        if resolution not in self._maps:
            depth = self._context.depth_texture((resolution, resolution))
            depth.compare_func = "<="
            depth.repeat_x = depth.repeat_y = False
            self._maps[resolution] = depth, self._context.framebuffer(depth_attachment=depth)
        return self._maps[resolution]

    def _shade(self, picture: Any, screen: Any, where: Rectangle, camera: Camera, lighting: Lighting) -> None:
        program, intrinsics = screen.program, camera.intrinsics
        program["T_world_camera"].write(columns(camera.T_world_camera))
        program["pinhole"].value = (intrinsics.fl_x, intrinsics.fl_y, intrinsics.cx, intrinsics.cy)
        program["lamp"].value = tuple(lighting.to_lamp)
        program["light_color"].value = lighting.color
        program["ambient"].value = lighting.ambient
        program["strength"].value = lighting.strength
        picture.scissor = where
        screen.render(vertices=3)
        picture.scissor = None


def _plainly_lit(visible: Sequence[Drawn], camera: Camera, lighting: Lighting, *, has_shadow: bool) -> Rectangle | None:
    """Where light falls outside the shadow's box: around lit bodies, or everywhere under coloured light."""
    if tuple(lighting.color) != (1.0, 1.0, 1.0):
        return 0, 0, camera.intrinsics.width, camera.intrinsics.height
    hulls: list[Array] = [
        drawn.body.hull() for drawn in visible if not drawn.body.unlit and not (has_shadow and drawn.body.casts_shadow)
    ]
    return screen_rectangle(np.concatenate(hulls), camera) if hulls else None
