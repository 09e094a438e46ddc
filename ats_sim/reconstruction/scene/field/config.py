"""What can be chosen about the neural scene field; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from ats_sim.errors import ConfigError
from ats_sim.reconstruction.descent_config import DescentConfig


@dataclass(frozen=True)
class FieldConfig(DescentConfig):
    """Size, training and losses of the field. Lengths are metres."""

    rays: int = 1024
    """Rays per step."""
    surface_samples: int = 9
    """Samples per ray around the measured depth, at most 16."""
    free_samples: int = 3
    """Samples per ray between the camera and the surface's band."""
    plane_cell: float = 0.03
    """Edge of a texel of the three feature planes."""
    plane_channels: int = 10
    """Channels of each plane."""
    code_channels: int = 16
    """Channels of a recording's appearance code."""
    hidden: int = 32
    """Units of the small networks' hidden layers."""
    relief: float = 0.02
    """Largest correction of the grid's distances by the planes; 0 leaves the grid alone."""
    sharpness: tuple[float, float] = (0.03, 0.008)
    """Width of the surface's density at the first and the last step."""
    rate_grid: float = 1e-3
    """Adam's rate for the grid's distances, metres."""
    rate_planes: float = 1e-2
    """Adam's rate for planes and networks."""
    rate_codes: float = 1e-2
    """Adam's rate for appearance codes."""
    rate_poses: float = 3e-4
    """Adam's rate for cameras (m, rad)."""
    last_rate: float = 0.03
    """Share of all rates that is left at the last step."""
    refine_poses: bool = False
    """Move the cameras of the videos along."""
    weight_color: float = 0.5
    """Of the rendered colour, 0..1."""
    weight_depth: float = 1.0
    """Of the rendered depth, in units of 10 cm."""
    weight_sdf: float = 2.0
    """Of the distances along rays, in units of 10 cm."""
    weight_free: float = 1.0
    """Of free space that is not free, in units of 10 cm."""
    weight_eikonal: float = 0.05
    """Of slopes other than one."""
    weight_feature: float = 0.2
    """Of the rendered features."""
    weight_prior: float = 1.0
    """Of the device's own motion, in units of its expected error."""
    pixels_per_frame: int = 4096
    """Pixels kept of each frame, drawn at random."""

    def __post_init__(self) -> None:
        problems = [
            (self.steps < 1, f"steps is {self.steps}, needs at least 1"),
            (self.rays < 1, f"rays is {self.rays}, needs at least 1"),
            (not 2 <= self.surface_samples <= 16, f"surface_samples is {self.surface_samples}, must be 2 to 16"),
            (self.free_samples < 0, f"free_samples is {self.free_samples}, must not be negative"),
            (not 0.005 <= self.plane_cell <= 0.5, f"plane_cell is {self.plane_cell} m, must be 0.005 to 0.5"),
            (self.pixels_per_frame < 1, f"pixels_per_frame is {self.pixels_per_frame}, needs at least 1"),
            (self.checkpoint_every < 1, f"checkpoint_every is {self.checkpoint_every}, needs at least 1"),
        ]
        for wrong, message in problems:
            if wrong:
                raise ConfigError(f"scene field: {message}")


def field_config(preset: str, *, seed: int = 0, device: str = "cpu") -> FieldConfig:
    """The field of a reconstruction's preset (fast, default or full)."""
    steps = {"fast": 300, "default": 1500, "full": 6000}[preset]
    cell = {"fast": 0.05, "default": 0.03, "full": 0.02}[preset]
    return FieldConfig(steps=steps, plane_cell=cell, seed=seed, device=device)
