"""One moment through every camera: the observer's, the animal's, over the shoulder, and from above with all overlays.

python -m benchmarks.make_views views.png
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from PIL import Image

from ats_sim.arrays import Array
from ats_sim.files import atomic_path
from ats_sim.geometry import look_at
from ats_sim.home import Home
from ats_sim.policy import Policy
from ats_sim.rendering import HomeRenderer, Overlay
from ats_sim.world import World

DISTANCE, HEIGHT = 1.8, 1.0


@dataclass(frozen=True)
class Views:
    """Which moment to show."""

    picture: tyro.conf.Positional[Path]
    """The .png to write."""
    home: str = "default"
    """A home folder, a .zip, or "default"."""
    seed: int = 9
    """Seed of the walk that leads to the moment."""
    seconds: float = 4.5
    """Length of that walk."""
    futures: int = 8
    """Sampled futures to show as ghosts and tracks."""
    look_ahead: float = 4.0
    """How far they look ahead, seconds."""
    width: int = 640
    """Width of each view, pixels."""
    backend: str = "auto"
    """auto, moderngl or raycast."""


def clear_view(home: Home, target: Array) -> Array:
    """(4, 4) camera pose near a point (3,), from where least stands in between."""
    poses = []
    for angle in np.linspace(0.0, 2.0 * np.pi, 36, endpoint=False):
        eye = target + [DISTANCE * np.cos(angle), DISTANCE * np.sin(angle), HEIGHT]
        way = eye + np.linspace(0.0, 0.85, 30)[:, None] * (target - eye)
        poses.append((float(home.perception.sample_sdf(way).min()), eye))
    return look_at(max(poses, key=lambda pose: pose[0])[1], target)


def overlay_of(world: World, options: Views) -> Overlay:
    """Plans, futures and the map of visits; ghosts keep the pose the animal has now."""
    agent = world.agents[0]
    futures = world.sample_futures(options.futures, options.look_ahead)[:, 0]
    return Overlay(
        goals=agent.goal()[None],
        paths=agent.remaining_path()[None],
        tracks=futures[:, :, :3, 3],
        ghosts=[(future[-1], agent.joint_rotations) for future in futures],
        support=True,
    )


def main(options: Views) -> None:
    """Write the picture."""
    home = Home.load(options.home)
    world = World(home, policy=Policy.load(home))
    world.reset(np.random.default_rng(options.seed))
    for tick in range(round(options.seconds * 10)):
        world.step(np.array([0.3, 0.0, 0.1 if tick < 20 else 0.0, -0.1], dtype=np.float32))
    moment, everything = world.moment(), overlay_of(world, options)
    futures = Overlay(tracks=everything.tracks, ghosts=everything.ghosts)
    backend = options.backend
    renderer = HomeRenderer(home, options.width, options.width * 3 // 4, backend)  # type: ignore[arg-type]
    eyes, futures_end = moment.T_world_camera, np.mean([root[:3, 3] for root, _ in everything.ghosts], axis=0)
    middle = 0.5 * (moment.agents[0][0][:3, 3] + futures_end)
    views = [
        (renderer.observer_camera(clear_view(home, middle)), futures, None),
        (renderer.agent_camera(*moment.agents[0]), None, eyes),
        (renderer.third_person_camera(eyes), None, eyes),
        (renderer.birdseye_camera(), everything, eyes),
    ]
    rgb = [renderer.render(camera, moment.agents, overlay=overlay, observer=who).rgb for camera, overlay, who in views]
    renderer.close()
    world.close()
    with atomic_path(options.picture) as temporary:
        Image.fromarray(np.vstack([np.hstack(rgb[:2]), np.hstack(rgb[2:])])).save(temporary, "PNG")


if __name__ == "__main__":
    main(tyro.cli(Views, description=__doc__))
