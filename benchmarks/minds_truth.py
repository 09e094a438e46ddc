"""What the animal of a synthesized home really did while it was filmed: its days are lived again, without drawing.

Nothing that is learned may look in here. Predictions of a fitted animal are made comparable by ONE constant rotation
per joint (the root included), fitted on videos that are not scored: a fitted rest pose differs from the true one.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import exp_so3, project_to_so3
from ats_sim.home import Home
from ats_sim.models.recordings import Recording
from ats_sim.perception import FUTURE, HZ, PAST
from ats_sim.reconstruction.capture.synthesis.animal.body import Body
from ats_sim.reconstruction.capture.synthesis.animal.mind import Mind
from ats_sim.reconstruction.capture.synthesis.config import SynthesizeConfig
from ats_sim.reconstruction.capture.synthesis.filming.observer import Observer
from ats_sim.reconstruction.capture.synthesis.filming.recorder import lived, make_agent
from ats_sim.reconstruction.capture.synthesis.filming.scene_frame import scene_from_home
from ats_sim.reconstruction.capture.synthesis.filming.scene_life import TICK, Moments

TICKS = round(1.0 / (HZ * TICK))
"""Ticks of the animal's life per frame of the behaviour clock."""


@dataclass(frozen=True, eq=False)
class Motion:
    """True motion on the clock of a recording, home frame."""

    T_world_root: Array
    """(N, 4, 4)."""
    limbs: Array
    """(N, J, 3, 3) rotations of all joints relative to their parents, the rest pose included."""


@dataclass(frozen=True, eq=False)
class Moment:
    """The living animal at one moment of a video, and the person it had before it in the 5.6 s that followed."""

    mind: Mind
    """As it was; copy it before it lives on."""
    observer_positions: Array
    """(112, 3) the person's eye, tick by tick, synthesizer's frame."""
    observer_velocities: Array
    """(112, 3)."""


@dataclass(frozen=True, eq=False)
class Synthesized:
    """The animal and the home that a capture was made of."""

    config: SynthesizeConfig
    body: Body
    T_home_synthesized: Array
    """(4, 4) from the frame in which the animal lives to the frame of the reconstructed home."""

    @classmethod
    def of(cls, home: Home, config: SynthesizeConfig) -> Synthesized:
        """What was filmed for a home."""
        return cls(config, make_agent(config), home.T_home_scene @ scene_from_home(config))

    def day(self, video: str, start: float, frames: int) -> Motion:
        """True motion of a video, `frames` of it from `start` seconds on."""
        life = lived(self.config, int(video.removeprefix("v")), self.body)
        return self._motion(life, start, frames)

    def relived(
        self, video: str, start: float, frames: int, wanted: Sequence[int]
    ) -> tuple[Motion, Mapping[int, Moment]]:
        """The same, and the living animal at the wanted frames."""
        ticks = {round(start / TICK) + TICKS * frame: frame for frame in wanted}
        minds: dict[int, Mind] = {}
        eyes: list[tuple[Array, Array]] = []

        def witness(mind: Mind, person: Observer) -> None:
            if len(eyes) in ticks:
                minds[len(eyes)] = copy.deepcopy(mind)
            eyes.append((person.position, person.velocity))

        life = lived(self.config, int(video.removeprefix("v")), self.body, witness)
        positions, velocities = np.array([eye for eye, _ in eyes]), np.array([velocity for _, velocity in eyes])
        after = {tick: slice(tick, tick + TICKS * FUTURE) for tick in ticks}
        moments = {
            frame: Moment(minds[tick], positions[after[tick]], velocities[after[tick]]) for tick, frame in ticks.items()
        }
        return self._motion(life, start, frames), moments

    def _motion(self, life: Moments, start: float, frames: int) -> Motion:
        at = life.at(start + np.arange(frames) / HZ)
        return self.motion(at.T_world_root, at.joint_rotations)

    def motion(self, T_world_root: Array, joint_rotations: Array) -> Motion:
        """Root poses (..., 4, 4) and joints (..., J, 3) of the living animal, in the reconstructed home's frame."""
        return Motion(self.T_home_synthesized @ T_world_root, limbs(self.body.skeleton.joint_rest, joint_rotations))


@dataclass(frozen=True, eq=False)
class Likeness:
    """How the fitted animal's joints are turned against the true one's: one constant rotation each."""

    joint_rest: Array
    """(J, 4, 4) of the fitted skeleton."""
    offset: Array
    """(J, 3, 3); entry 0 is the root's."""

    @classmethod
    def fitted(cls, joint_rest: Array, recordings: Sequence[Recording], truths: Sequence[Motion]) -> Likeness:
        """From what was reconstructed and what was true, where the animal was seen."""
        turns = []
        for recording, truth in zip(recordings, truths, strict=True):
            seen = recording.valid
            found = limbs(joint_rest, recording.joint_rotations[seen])
            true = truth.limbs[seen].copy()
            found[:, 0], true[:, 0] = recording.T_world_root[seen, :3, :3], truth.T_world_root[seen, :3, :3]
            turns.append(np.swapaxes(found, -1, -2) @ true)
        return cls(joint_rest, project_to_so3(np.concatenate(turns).mean(axis=0)))

    def roots(self, rotations: Array) -> Array:
        """Root rotations (..., 3, 3) as the true animal's."""
        return np.asarray(rotations @ self.offset[0])

    def motion(self, T_world_root: Array, joint_rotations: Array) -> Motion:
        """Reconstructed motion as if the true animal had made it."""
        roots = T_world_root.copy()
        roots[..., :3, :3] = self.roots(T_world_root[..., :3, :3])
        return Motion(roots, self.limbs(joint_rotations))

    def limbs(self, joint_rotations: Array) -> Array:
        """Joints (..., J, 3), axis-angle of the fitted animal, as limbs (..., J, 3, 3) of the true one."""
        return np.asarray(limbs(self.joint_rest, joint_rotations) @ self.offset)


def limbs(joint_rest: Array, joint_rotations: Array) -> Array:
    """Rotations (..., J, 3, 3) relative to the parents, of rest poses (J, 4, 4) and axis-angle joints (..., J, 3)."""
    return np.asarray(joint_rest[:, :3, :3] @ exp_so3(joint_rotations))


def start_of(home: Home, recording: Recording) -> float:
    """Seconds of the video at which a recording's clock begins."""
    kept = next(kept for kept in home.recordings if kept.name == recording.name)
    return float(kept.time[kept.valid][0])


def foreseeable(recording: Recording, frames: int) -> Array:
    """Frames at which the animal had been seen for 0.8 s and lived on for 5.6 s more, seen or not, of a video whose
    truth is known for so many frames."""
    known = np.convolve(recording.valid, np.ones(PAST, dtype=int))[: len(recording.valid)] == PAST
    known[max(0, frames - FUTURE) :] = False
    return np.flatnonzero(known)
