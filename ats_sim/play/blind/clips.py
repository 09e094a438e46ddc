"""Moments of a home's videos that can be asked about, each lived by the recorded animal or by the simulated one.

Both go through the same world, the same camera and the same interpolation between steps of 0.1 s, so that nothing but
the motion differs. What is shown is chosen by looking at the recorded animal alone, so that the choice tells nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ConfigError
from ats_sim.geometry import Intrinsics
from ats_sim.home import Home
from ats_sim.perception import HZ, PAST
from ats_sim.recorded import Recording
from ats_sim.rendering.home_renderer import FIELD_OF_VIEW, HomeRenderer
from ats_sim.sight import SightLines
from ats_sim.world import Moment, World

PICTURES_PER_STEP = 3
RATE = HZ * PICTURES_PER_STEP
"""Pictures a second."""
EYES = Intrinsics.from_fov(FIELD_OF_VIEW, 128, 96)
"""The picture in which the animal must be seen: no wider than any that is shown, and the same for all sizes."""
SEEN_BODY, SEEN_TIME = 0.5, 0.8
"""Share of the joints that counts as seen, and share of a clip for which the recorded animal must be."""
NEAREST = 0.05
TRUTH, ORDER, LIFE = range(3)
"""Independent sources of chance under one seed."""
AT_REST = np.zeros(4)


@dataclass(frozen=True)
class Clip:
    """One question."""

    number: int
    """Its place in the test, from 1."""
    video: str
    """The recording it is of."""
    start: float
    """Seconds of the video at which the replay begins; what is shown follows 0.8 s later."""
    is_recorded: bool
    """The truth: whether the recorded animal is shown."""


def choose_clips(home: Home, count: int, seconds: float, seed: int) -> tuple[Clip, ...]:
    """Draw clips, no two of the same moment; half of them, or one more, show the recorded animal.

    Args:
        home: A home with recordings.
        count: How many.
        seconds: How long each is.
        seed: Which moments and which truths; the truths follow from the seed and the count alone.

    Raises:
        ConfigError: If the home has no recordings, or too few moments that show the animal.
    """
    if not home.recordings:
        raise ConfigError(
            f"--blind: the home {home.name!r} keeps no recordings, so there is no real animal to show; "
            "make it anew with `ats reconstruct` and `ats train`"
        )
    moments = [(one.name, start) for one in home.recordings for start in _starts(home, one, round(seconds * HZ))]
    if len(moments) < count:
        raise ConfigError(
            f"--blind {count}: the videos of {home.name!r} show the animal well in {len(moments)} moments of "
            f"{seconds:g} s; ask for fewer, or for shorter ones with --seconds"
        )
    truths = np.random.default_rng([seed, TRUTH]).permutation(np.arange(count) % 2 == 0)
    chosen = np.random.default_rng([seed, ORDER]).permutation(len(moments))[:count]
    return tuple(
        Clip(number, video=moments[which][0], start=moments[which][1], is_recorded=bool(truth))
        for number, (which, truth) in enumerate(zip(chosen, truths, strict=True), start=1)
    )


def lived(world: World, clip: Clip, seconds: float, seed: int) -> tuple[Moment, ...]:
    """The clip's moments, `RATE` a second.

    Args:
        world: A world of the clip's home with one agent and a mind; it is reset.
        clip: What is lived.
        seconds: How long it is.
        seed: What the simulated animal's chance follows from.
    """
    replay = {"video": clip.video, "start": clip.start, "samples": 1}
    world.reset(np.random.default_rng([seed, LIFE, clip.number]), {"replay": replay}, plans=False)
    moments: list[Moment] = []
    for _ in range(round(seconds * HZ)):
        if clip.is_recorded:
            world.advance(AT_REST)
            _put_as_recorded(world)
        else:
            world.step(AT_REST)
        moments += [world.moment(number / PICTURES_PER_STEP) for number in range(1, PICTURES_PER_STEP + 1)]
    return tuple(moments)


def in_view(home: Home, moments: tuple[Moment, ...]) -> float:
    """Share of moments in which the animal is seen: at least half of its joints, with nothing in between."""
    roots, joints = zip(*(moment.agents[0] for moment in moments), strict=True)
    cameras = np.stack([moment.T_world_camera for moment in moments])
    return float(_seen(home, cameras, np.stack(roots), np.stack(joints)).mean())


def picture_of(renderer: HomeRenderer, moment: Moment, size: tuple[int, int]) -> Array:
    """What the recorded person saw at a moment: (H, W, 3) uint8 of width x height."""
    camera = renderer.observer_camera(moment.T_world_camera)
    camera = replace(camera, intrinsics=camera.intrinsics.resized(*size))
    return np.asarray(renderer.render(camera, moment.agents).rgb)


def _put_as_recorded(world: World) -> None:
    """Let the agent be where the recorded animal is now, and have come from where that came from."""
    replay = world.replay
    assert replay is not None
    recording, past = replay.recording, replay.past
    world.agents[0].place(recording.T_world_root[past], recording.joint_rotations[past])


def _starts(home: Home, recording: Recording, steps: int) -> list[float]:
    """Starts of as many clips as fit into a video without overlap, seconds."""
    shown = _seen(home, recording.T_world_camera, recording.T_world_root, recording.joint_rotations)
    starts: list[float] = []
    first, last = 0, len(recording.time) - PAST - steps
    while first <= last:
        now = first + PAST - 1
        is_known = recording.valid[first : now + steps + 1].all()
        if is_known and shown[now + 1 : now + steps + 1].mean() >= SEEN_TIME:
            starts.append(first / HZ)
            first += steps
        else:
            first += 1
    return starts


def _seen(home: Home, cameras: Array, roots: Array, joints: Array) -> Array:
    """(N,) whether the animal is seen from cameras (N, 4, 4), with root poses (N, 4, 4) and joints (N, J, 3)."""
    points = home.agent.skeleton.forward_kinematics(roots, joints)[..., :3, 3]
    eyes = np.broadcast_to(cameras[:, None, :3, 3], points.shape)
    local = np.einsum("nij,nki->nkj", cameras[:, :3, :3], points - eyes)
    u, v, depth = EYES.project(local.reshape(-1, 3))
    framed = (depth > NEAREST) & (u > -0.5) & (v > -0.5) & (u < EYES.width - 0.5) & (v < EYES.height - 0.5)
    framed[framed] = ~SightLines.of(home).blocked(eyes.reshape(-1, 3)[framed], points.reshape(-1, 3)[framed])
    return np.asarray(framed.reshape(points.shape[:2]).mean(1) >= SEEN_BODY)
