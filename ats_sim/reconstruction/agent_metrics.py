"""Every figure of the animal that a capture's ground truth allows: where it was, how it moved, what shape it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import CaptureError
from ats_sim.files import read_npz
from ats_sim.geometry import exp_so3, interpolate_poses, log_so3
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.reconstruction.capture.format import Capture, Video
from ats_sim.reconstruction.rendering.model4d import Model4D
from ats_sim.reconstruction.scores import NO_TRUTH, Scores
from ats_sim.reconstruction.scores.agent import PosedMotion, joint_angle_error, joint_position_error, root_scores
from ats_sim.reconstruction.scores.coherence import Changes, coherence_scores, place_changes, turn_changes
from ats_sim.reconstruction.scores.shape import in_true_rest, shape_scores
from ats_sim.reconstruction.thinning import evenly
from ats_sim.skeleton import Skeleton

TRUE_AGENT = "ground_truth_agent.npz"
MOMENTS = 12
"""Moments at which the shape of the moving animal is looked at."""
NO_AGENT = "n/a: the reconstruction has no agent"
STILL = "n/a: the truth has no such change to compare with"


@dataclass(frozen=True, eq=False)
class _Matched:
    """The valid moments of one video, estimated and true."""

    stretches: list[Array]
    """Indices of moments in a row, stretch by stretch."""
    step: float
    """Seconds between moments in a row."""
    estimated_root: Array
    """(N, 4, 4) in the frame of the truth."""
    true_root: Array
    """(N, 4, 4)."""
    estimated_joints: Array
    """(N, J, 3) axis-angle."""
    true_joints: Array
    """(N, K, 3)."""
    skeleton: Skeleton
    """The true one, of K joints."""


_Compare = Callable[[_Matched, Array], tuple[Changes, Changes]]
"""From a stretch of a video to the estimate's changes and the truth's."""


def agent_scores(capture: Capture, model: Model4D, T_truth_world: Array | None = None) -> Scores:
    """Errors of root, joint positions and joint angles, and how smooth the motion is beside the true one, over the
    valid moments of all videos."""
    if model.agent is None:
        return {"root": NO_AGENT}
    matched = _matched(capture, model, np.eye(4) if T_truth_world is None else T_truth_world)
    if not matched:
        return {"root": NO_TRUTH}
    scores: Scores = {
        "moments": sum(len(video.true_root) for video in matched),
        **root_scores(
            np.concatenate([video.estimated_root for video in matched]),
            np.concatenate([video.true_root for video in matched]),
        ),
        **_coherence("root", matched, _root_changes),
    }
    reason = _why_no_joints(matched, model.agent.skeleton)
    if reason:
        names = ("joint_position_m", "joint_angle_rad", "joint_acceleration_ratio", "joint_jerk_ratio")
        return {**scores, **dict.fromkeys(names, reason)}
    posed = [_posed(video, model.agent.skeleton) for video in matched]
    angle = joint_angle_error(posed, model.agent.skeleton.joint_rest, matched[-1].skeleton.joint_rest)
    return {
        **scores,
        "joint_position_m": joint_position_error(posed),
        "joint_angle_rad": "n/a: one video cannot lend its joint offsets to another" if angle is None else angle,
        **_coherence("joint", matched, _joint_changes),
    }


def agent_shape_scores(capture: Capture, model: Model4D) -> Scores | str:
    """Distances between the estimated and the true animal's surface, wherever it stands.

    `canonical` compares the shapes at rest, the estimated one in the true rest pose (see `scores.shape.in_true_rest`);
    `posed` compares both as they are posed at the same moments, so that errors of the joints count as well.

    Raises:
        CaptureError: If the true animal's file is broken.
    """
    path = capture.folder / TRUE_AGENT
    if model.agent is None:
        return NO_AGENT
    if not path.is_file():
        return f"n/a: the capture has no {TRUE_AGENT}"
    matched = _matched(capture, model, np.eye(4))
    if not matched:
        return NO_TRUTH
    true = _true_agent(capture)
    estimated_joints = np.concatenate([video.estimated_joints for video in matched])
    true_joints = np.concatenate([video.true_joints for video in matched])
    chosen = evenly(len(true_joints), MOMENTS)
    pairs = [(_posed_mesh(model.agent, estimated_joints[i]), _posed_mesh(true, true_joints[i])) for i in chosen]
    canonical: Scores | str = _why_no_joints(matched, model.agent.skeleton)
    if not canonical:
        rested = in_true_rest(model.agent, estimated_joints, true.skeleton, true_joints)
        canonical = dict(shape_scores([(rested, true.mesh)], np.random.default_rng(0)))
    return {
        "canonical": canonical,
        "posed": {**shape_scores(pairs, np.random.default_rng(0)), "moments": len(chosen)},
    }


def _matched(capture: Capture, model: Model4D, T_truth_world: Array) -> list[_Matched]:
    """One entry per video that has both truth and valid motion."""
    found = []
    for video in capture.videos:
        motion = model.motions.get(video.name)
        truth = video.ground_truth
        if truth is None or motion is None or not motion.valid.any():
            continue
        kept = np.flatnonzero(motion.valid)
        at = motion.time[kept]
        found.append(
            _Matched(
                np.split(np.arange(len(kept)), np.flatnonzero(np.diff(kept) > 1) + 1),
                float(np.median(np.diff(motion.time))) if len(motion.time) > 1 else 1.0,
                T_truth_world @ motion.T_world_root[kept],
                interpolate_poses(video.times, truth["T_world_root"], at),
                motion.joint_rotations[kept],
                _interpolate_rotations(video.times, truth["joint_rotations"], at),
                _true_skeleton(video),
            )
        )
    return found


def _true_skeleton(video: Video) -> Skeleton:
    truth = video.ground_truth or {}
    return Skeleton(tuple(str(n) for n in truth["joint_names"]), truth["joint_parents"], truth["joint_rest"])


def _true_agent(capture: Capture) -> SkinnedMesh:
    stored = read_npz(capture.folder / TRUE_AGENT, CaptureError)
    try:
        names = tuple(str(name) for name in stored["joint_names"])
        skeleton = Skeleton(names, stored["joint_parents"], stored["joint_rest"])
        mesh = TriangleMesh(stored["vertices"], stored["faces"])
        return SkinnedMesh(mesh, stored["skin_joints"], stored["skin_weights"], skeleton)
    except KeyError as missing:
        raise CaptureError(f"{capture.folder / TRUE_AGENT}: lacks {missing}; make the capture again") from missing


def _why_no_joints(matched: list[_Matched], skeleton: Skeleton) -> str:
    """Why estimated and true joints cannot be compared; empty where they can."""
    for video in matched:
        if video.skeleton.joint_names != skeleton.joint_names:
            count = video.skeleton.num_joints
            return f"n/a: the true skeleton has {count} joints of other names than the fitted one's"
    return "n/a: the agent is rigid" if skeleton.num_joints < 2 else ""


def _posed(video: _Matched, skeleton: Skeleton) -> PosedMotion:
    return PosedMotion(
        video.estimated_root,
        video.true_root,
        video.estimated_joints,
        video.true_joints,
        skeleton.forward_kinematics(video.estimated_root, video.estimated_joints)[..., :3, 3],
        video.skeleton.forward_kinematics(video.true_root, video.true_joints)[..., :3, 3],
    )


def _posed_mesh(body: SkinnedMesh, joints: Array) -> TriangleMesh:
    """The surface in its root frame for joint rotations (J, 3)."""
    return TriangleMesh(body.posed(np.eye(4), joints), body.mesh.faces)


def _root_changes(video: _Matched, stretch: Array) -> tuple[Changes, Changes]:
    pair = (video.estimated_root, video.true_root)
    first, second = (place_changes(roots[stretch, :3, 3], video.step) for roots in pair)
    return first, second


def _joint_changes(video: _Matched, stretch: Array) -> tuple[Changes, Changes]:
    pair = (video.estimated_joints, video.true_joints)
    first, second = (turn_changes(joints[stretch], video.step) for joints in pair)
    return first, second


def _coherence(name: str, matched: list[_Matched], changes: _Compare) -> Scores:
    both = [changes(video, stretch) for video in matched for stretch in video.stretches]
    ratios = coherence_scores(name, [estimated for estimated, _ in both], [true for _, true in both])
    return {key: STILL if ratio is None else ratio for key, ratio in ratios.items()}


def _interpolate_rotations(times: Array, rotations: Array, at: Array) -> Array:
    """Axis-angle rotations (N,J,3) at times (N,) -> (M,J,3) along geodesics."""
    if len(times) == 1:
        return np.repeat(rotations, len(at), axis=0)
    after = np.clip(np.searchsorted(times, at, side="right"), 1, len(times) - 1)
    before = after - 1
    share = np.clip((at - times[before]) / (times[after] - times[before]), 0.0, 1.0)[:, None, None]
    start = exp_so3(rotations[before])
    return log_so3(start @ exp_so3(share * log_so3(np.swapaxes(start, -1, -2) @ exp_so3(rotations[after]))))
