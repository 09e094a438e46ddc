"""One video's worth of life: the animal lives, the person follows, both seen at the frames' times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import interpolate_poses
from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.capture.synthesis.animal.body import Body
from ats_sim.reconstruction.capture.synthesis.animal.mind import Mind
from ats_sim.reconstruction.capture.synthesis.filming.observer import Observer, Temper
from ats_sim.reconstruction.capture.synthesis.home.layout import HomeLayout

TICK = 0.05
BEHAVIOUR_HZ = 10
Witness = Callable[[Mind, Observer], None]
"""Sees the animal and who films it at every tick, before the animal decides what comes next."""


@dataclass(frozen=True)
class Moments:
    """What happened at N times, all in the home's frame."""

    time: Array
    T_world_root: Array
    joint_rotations: Array
    T_world_camera: Array
    T_world_second: Array
    activity: tuple[str, ...]
    goal: tuple[str, ...]

    def at(self, times: Array) -> Moments:
        """The same life at other times; poses are interpolated, words are those of the moment before."""
        before = np.clip(np.searchsorted(self.time, times + 1e-9, side="right") - 1, 0, len(self.time) - 1)
        joints = self.joint_rotations.reshape(len(self.time), -1)
        turned = np.stack([np.interp(times, self.time, column) for column in joints.T], -1)
        return Moments(
            time=times,
            T_world_root=interpolate_poses(self.time, self.T_world_root, times),
            joint_rotations=turned.reshape(len(times), *self.joint_rotations.shape[1:]),
            T_world_camera=interpolate_poses(self.time, self.T_world_camera, times),
            T_world_second=interpolate_poses(self.time, self.T_world_second, times),
            activity=tuple(self.activity[k] for k in before),
            goal=tuple(self.goal[k] for k in before),
        )


def live(
    layout: HomeLayout,
    body: Body,
    style: Temper,
    seconds: float,
    rng: np.random.Generator,
    witness: Witness | None = None,
) -> Moments:
    """Lets animal and observers live for some seconds, recorded every 50 ms."""
    mind_rng, first_rng, second_rng = rng.spawn(3)
    mind = Mind(layout, body, mind_rng)
    still = np.zeros(3)
    state = mind.step(TICK, np.array([0.0, 0.0, -10.0]), still)
    trunk = np.asarray(state.T_world_root[:3, 3])
    person = Observer(layout, first_rng, style, trunk)
    other = Observer(layout, second_rng, "calm", trunk, away_from=person.xy)
    for _ in range(20):  # one second for the gazes to settle on the animal
        person.step(TICK, trunk)
        other.step(TICK, trunk, person.xy)
    ticks = int(np.ceil(seconds / TICK)) + 2
    roots, joints, cameras, seconds_view, activity, goal = [], [], [], [], [], []
    for _ in range(ticks):
        trunk = np.asarray(state.T_world_root[:3, 3])
        cameras.append(person.step(TICK, trunk))
        seconds_view.append(other.step(TICK, trunk, person.xy))
        roots.append(state.T_world_root)
        joints.append(state.joint_rotations)
        activity.append(state.activity)
        goal.append(state.goal)
        if witness is not None:
            witness(mind, person)
        state = mind.step(TICK, person.position, person.velocity)
    return Moments(
        time=np.arange(ticks) * TICK,
        T_world_root=np.stack(roots),
        joint_rotations=np.stack(joints),
        T_world_camera=np.stack(cameras),
        T_world_second=np.stack(seconds_view),
        activity=tuple(activity),
        goal=tuple(goal),
    )


def joint_positions(agent: SkinnedMesh, moments: Moments) -> Array:
    """World positions (N, J, 3) of all joints."""
    world = agent.skeleton.forward_kinematics(moments.T_world_root, moments.joint_rotations)
    return np.asarray(world[..., :3, 3])
