"""What can be chosen about the neural agent field; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from ats_sim.errors import ConfigError
from ats_sim.reconstruction.descent_config import DescentConfig


@dataclass(frozen=True)
class AgentFieldConfig(DescentConfig):
    """Size, training and losses of the field. Lengths are metres."""

    frames: int = 16
    """Frames that a step looks at."""
    rays_per_frame: int = 64
    """Rays of each."""
    surface_samples: int = 10
    """Samples per ray around where the agent's surface is expected."""
    free_samples: int = 3
    """Samples per ray before them."""
    scene_samples: int = 5
    """Samples per ray around the scene's surface."""
    band: float = 0.05
    """How far samples reach to either side of the expected surface."""
    voxel_size: float = 0.008
    """Edge of a cell of the canonical grid of distances."""
    plane_cell: float = 0.01
    """Edge of a texel of the three canonical feature planes."""
    plane_channels: int = 8
    """Channels of each plane."""
    code_channels: int = 8
    """Channels of a video's appearance code."""
    hidden: int = 32
    """Units of the small networks' hidden layers."""
    relief: float = 0.008
    """Largest correction of the grid's distances by the planes."""
    symmetric: bool = True
    """Whether what is seen of one side's shape holds for the other."""
    sharpness: tuple[float, float] = (0.012, 0.004)
    """Width of the surface's density at the first and the last step."""
    rate_grid: float = 3e-4
    """Adam's rate for the canonical distances, metres."""
    rate_planes: float = 5e-3
    """Adam's rate for planes and the networks of colour and feature."""
    rate_skin: float = 5e-4
    """Adam's rate for the Gaussians and the network of the skin."""
    rate_motion: float = 5e-4
    """Adam's rate for the articulation network."""
    refine_poses: bool = True
    """Move roots and joints along."""
    weight_color: float = 0.3
    """Of the rendered colour, 0..1."""
    weight_depth: float = 1.0
    """Of the rendered depth, in units of 10 cm."""
    weight_mask: float = 1.0
    """Of the agent's share of a pixel, 0..1."""
    weight_sdf: float = 2.0
    """Of the distances along rays, in units of 10 cm."""
    weight_free: float = 1.0
    """Of free space that is not free, in units of 10 cm."""
    weight_eikonal: float = 0.05
    """Of slopes other than one."""
    weight_feature: float = 0.2
    """Of the rendered features."""
    weight_anchor: float = 0.2
    """Of distances other than the fused body's, in units of 10 cm."""
    weight_cycle: float = 0.5
    """Of points that do not come back from the rest pose to where they were, in units of 10 cm."""
    weight_bent: float = 0.006
    """Of squared joint angles."""
    weight_turning: float = 0.04
    """Of the squared change of joint angles in 0.1 s."""
    weight_jerking: float = 10.0
    """Of the squared second difference of the root's place in 0.1 s."""
    pixels_per_frame: int = 600
    """Pixels kept of each frame, drawn at random."""

    def __post_init__(self) -> None:
        problems = [
            (self.steps < 1, f"steps is {self.steps}, needs at least 1"),
            (self.frames < 1, f"frames is {self.frames}, needs at least 1"),
            (self.rays_per_frame < 1, f"rays_per_frame is {self.rays_per_frame}, needs at least 1"),
            (not 2 <= self.surface_samples <= 16, f"surface_samples is {self.surface_samples}, must be 2 to 16"),
            (self.scene_samples < 2, f"scene_samples is {self.scene_samples}, needs at least 2"),
            (not 0.002 <= self.voxel_size <= 0.05, f"voxel_size is {self.voxel_size} m, must be 0.002 to 0.05"),
            (self.pixels_per_frame < 1, f"pixels_per_frame is {self.pixels_per_frame}, needs at least 1"),
        ]
        for wrong, message in problems:
            if wrong:
                raise ConfigError(f"agent field: {message}")


def agent_field_config(preset: str, *, symmetric: bool = True, seed: int = 0, device: str = "cpu") -> AgentFieldConfig:
    """The field of a reconstruction's preset (fast, default or full)."""
    steps = {"fast": 300, "default": 1500, "full": 6000}[preset]
    return AgentFieldConfig(steps=steps, symmetric=symmetric, seed=seed, device=device)
