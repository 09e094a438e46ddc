"""The scene frame: where the walkthrough's device started, z up, as tracking apps do it. The floor is not at zero."""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import rigid, yaw_matrix
from ats_sim.reconstruction.capture.synthesis.config import SynthesizeConfig
from ats_sim.reconstruction.capture.synthesis.filming.walkthrough import walkthrough_poses
from ats_sim.reconstruction.capture.synthesis.home.house import build_home
from ats_sim.reconstruction.capture.synthesis.home.layout import HomeLayout


def walkthrough_day(config: SynthesizeConfig, layout: HomeLayout) -> tuple[Array, Array]:
    """Times (N,) and camera poses (N, 4, 4) of the walkthrough in the home's frame."""
    times = np.arange(max(2, round(config.walkthrough_seconds * config.fps))) / config.fps
    return times, walkthrough_poses(layout, np.random.default_rng([config.seed, 21]), times)


def scene_from_home(config: SynthesizeConfig) -> Array:
    """The transform (4, 4) from the home's frame (floor at 0) to the scene frame."""
    layout = build_home(config.seed, rooms=config.rooms)
    _, poses = walkthrough_day(config, layout)
    yaw = np.random.default_rng([config.seed, 22]).uniform(-np.pi, np.pi)
    turn = yaw_matrix(yaw)
    return rigid(turn, -turn @ poses[0, :3, 3])
