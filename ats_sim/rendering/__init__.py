"""Pictures of a home: colour, depth and labels of every pixel, with or without OpenGL."""

from ats_sim.rendering.frame import Camera, Frame, Lighting
from ats_sim.rendering.renderer import Backend, Renderer, open_renderer

__all__ = ["Backend", "Camera", "Frame", "Lighting", "Renderer", "open_renderer"]
