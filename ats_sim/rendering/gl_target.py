"""Off-screen pictures of one size, and reading them back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ats_sim.errors import RenderError
from ats_sim.rendering.contexts import LOST
from ats_sim.rendering.frame import Frame


@dataclass(eq=False)
class Target:
    """What the surface pass writes, and the picture for colours that were lit afterwards."""

    surfaces: Any
    maps: tuple[Any, Any, Any]
    colors: Any
    picture: Any
    others: tuple[Any, ...]

    @classmethod
    def of(cls, context: Any, width: int, height: int) -> Target:
        """Make one of width x height pixels."""
        size = (width, height)
        maps = (context.texture(size, 4), context.texture(size, 4), context.texture(size, 2, dtype="f4"))
        z_buffer, color = context.depth_renderbuffer(size), context.renderbuffer(size, 4)
        surfaces, colors = context.framebuffer(maps, z_buffer), context.framebuffer([maps[0]])
        return cls(surfaces, maps, colors, context.framebuffer([color]), (z_buffer, color))

    def read(self, is_lit: bool) -> Frame:
        """Read colour, depth and labels; RenderError if the context was lost."""
        width, height = self.surfaces.size
        color, depth_label = np.empty((height, width, 4), np.uint8), np.empty((height, width, 2), np.float32)
        # A context that is gone reads nothing and says nothing: what was in the arrays before stays there.
        color[0, 0, 3], depth_label[0, 0] = 0, np.nan
        (self.picture if is_lit else self.colors).read_into(color, components=4, alignment=1)
        self.surfaces.read_into(depth_label, components=2, attachment=2, dtype="f4", alignment=1)
        # Every pixel of a finished picture is opaque, and no depth is NaN.
        if color[0, 0, 3] != 255 or np.isnan(depth_label[0, 0]).any():
            raise RenderError(LOST)
        return Frame(
            rgb=np.ascontiguousarray(color[..., :3]),
            depth=depth_label[..., 0].copy(),
            labels=depth_label[..., 1].astype(np.int32),
        )

    def release(self) -> None:
        """Give everything back."""
        for item in (self.surfaces, self.colors, self.picture, *self.maps, *self.others):
            item.release()
