"""Pictures of a home: colour, depth and labels of every pixel, with or without OpenGL."""

import os

from ats_sim.rendering.frame import Camera, Frame, Lighting
from ats_sim.rendering.home_renderer import (
    AGENT_LABEL,
    OBSERVER_LABEL,
    OVERLAY_LABEL,
    SCENE_LABEL,
    HomeRenderer,
    Overlay,
)
from ats_sim.rendering.renderer import Backend, Renderer, open_renderer

# SDL may draw its windows through an OpenGL context of its own; ours then renders black pictures in that process. Our
# windows show finished pictures, which need no acceleration.
os.environ.setdefault("SDL_FRAMEBUFFER_ACCELERATION", "0")

__all__ = [
    "AGENT_LABEL",
    "Backend",
    "Camera",
    "Frame",
    "HomeRenderer",
    "Lighting",
    "OBSERVER_LABEL",
    "OVERLAY_LABEL",
    "Overlay",
    "Renderer",
    "SCENE_LABEL",
    "open_renderer",
]
