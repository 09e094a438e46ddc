"""All videos of a capture to one animal: masks, roots, shape, motion, colours, files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ReconstructionError
from ats_sim.files import atomic_path
from ats_sim.mesh import SkinnedMesh
from ats_sim.progress import steps
from ats_sim.reconstruction.agent.body import TorchBody, shaped
from ats_sim.reconstruction.agent.contacts import foot_contacts
from ats_sim.reconstruction.agent.evidence import Evidence, Fitted
from ats_sim.reconstruction.agent.field.scene import Surroundings
from ats_sim.reconstruction.agent.fit import fit, frames_of, result, start_poses
from ats_sim.reconstruction.agent.fit_motion import MotionJob, fit_motions
from ats_sim.reconstruction.agent.fusion import fused_body
from ats_sim.reconstruction.agent.mask_network import MaskNetwork, refined
from ats_sim.reconstruction.agent.motion import VideoMotion, on_clock
from ats_sim.reconstruction.agent.observations import chosen_frames, gather
from ats_sim.reconstruction.agent.posture import STANDING, Posture
from ats_sim.reconstruction.agent.refinement import refined_by_field
from ats_sim.reconstruction.agent.root_track import best_scale, track_root
from ats_sim.reconstruction.agent.segmentation import segment_video
from ats_sim.reconstruction.agent.shape import colored
from ats_sim.reconstruction.agent.storage import AgentReconstruction
from ats_sim.reconstruction.agent.support import support_heights
from ats_sim.reconstruction.agent.telling_windows import telling_windows
from ats_sim.reconstruction.agent.template import Shape, Template, neutral_shape
from ats_sim.reconstruction.agent.templates.plans import PLANS
from ats_sim.reconstruction.agent.texture import painted
from ats_sim.reconstruction.processes import side_by_side
from ats_sim.reconstruction.scene.raycast import Raycaster

if TYPE_CHECKING:
    from ats_sim.reconstruction.capture.format import Capture, Video
    from ats_sim.reconstruction.config import ReconstructConfig
    from ats_sim.reconstruction.registration.cameras import Cameras, RegisteredVideo
    from ats_sim.reconstruction.scene.field.network import SceneField
    from ats_sim.reconstruction.scene.scene_map import SceneMap

SHAPE_FRAMES = {"fast": 48, "default": 96, "full": 144}
SHAPE_STEPS = {"fast": 120, "default": 250, "full": 500}


def reconstruct_agent(
    capture: Capture,
    cameras: Cameras,
    scene: SceneMap,
    config: ReconstructConfig,
    output: Path,
    cache: Path | None = None,
    scene_field: SceneField | None = None,
) -> AgentReconstruction:
    """Find, fit and paint the agent, and write motion.npz, agent.glb, agent_skeleton.json and agent.safetensors.

    Args:
        capture: The recordings.
        cameras: Registered cameras; videos that were not accepted are left out.
        scene: The static scene.
        config: preset sets the effort; agent_body the template; masks whether given masks are used; agent whether a
            neural field is trained; device where torch runs.
        output: The reconstruction's folder.
        cache: Where training of a field keeps its state, if it is to go on after a stop.
        scene_field: The neural scene that a neural agent is rendered in; by default the fused one.

    Raises:
        ReconstructionError: If the agent was found in no video.
    """
    caster = Raycaster(scene.mesh)
    evidence = _look_at_all(capture, cameras, scene, caster, config, output)
    found = [one for one in evidence if one.sightings.seen.sum() >= 3]
    if not found:
        raise ReconstructionError(
            f"{capture.folder}: the agent was found in none of {len(evidence)} registered videos; "
            "give masks, or check that the walkthrough shows the home without the agent"
        )
    template = PLANS[config.agent_body].template([one.sightings for one in found])
    body = TorchBody(template.mesh, config.device, template.joints)
    shape, fitted, residual = _fit_all(body, template, found, caster, scene.floor_height, config)
    parts = [one.posed(fitted[one.video.name]) for one in found]
    whole = fused_body(shaped(body, shape), parts, grain=template.grain, symmetric=template.symmetric)
    skinned = colored(whole, parts)
    tensors: dict[str, Array] = {}
    if config.agent == "neural":
        around = Surroundings(scene.volume, scene_field, config.device)
        refined = refined_by_field(found, fitted, skinned, around, caster, config, template.symmetric, cache)
        skinned, fitted, tensors = refined
    motions = {}
    for one in evidence:
        motion = _motion(one, fitted.get(one.video.name), skinned)
        down = foot_contacts(motion, skinned, caster, scene.floor_height)
        motions[one.video.name] = replace(motion, contacts=down)
    shown = painted(skinned, [one.posed(fitted[one.video.name]) for one in found], symmetric=template.symmetric)
    agent = AgentReconstruction(skinned, motions, shape, _metrics(motions, residual), tensors, shown)
    agent.write(output)
    return agent


def _look_at_all(
    capture: Capture, cameras: Cameras, scene: SceneMap, caster: Raycaster, config: ReconstructConfig, output: Path
) -> list[Evidence]:
    """What every accepted video shows of the agent."""
    names = {video.name for video in capture.videos}
    wanted = [name for name, video in cameras.videos.items() if video.accepted and name in names]
    jobs = [(index, capture.video(name), cameras.videos[name]) for index, name in enumerate(wanted)]
    work = partial(_look, scene=scene, caster=caster, config=config, output=output)
    evidence = []
    with steps(len(jobs), "agent in videos") as bar:
        for one in side_by_side(work, jobs, config.workers):
            evidence.append(one)
            bar.advance()
    return evidence


def _look(
    job: tuple[int, Video, RegisteredVideo],
    scene: SceneMap,
    caster: Raycaster,
    config: ReconstructConfig,
    output: Path,
) -> Evidence:
    """Masks and sightings of one video."""
    index, video, registered = job
    plan = PLANS[config.agent_body]
    frames = chosen_frames(registered.times, registered.registered)
    cameras = registered.T_world_camera
    if config.masks and video.has_masks:
        masks = {int(frame): mask for frame in frames if (mask := video.mask(int(frame))) is not None}
    else:
        masks = segment_video(video, frames, cameras, caster, scene.volume, scene.floor_height, plan.bounds)
        if config.mask_network is not None:
            network = MaskNetwork(config.mask_network, config.mask_classes)
            masks = {k: refined(mask, video.depth(k), network.chance(video.rgb(k))) for k, mask in masks.items()}
        _write_masks(output / "agent_masks" / video.name, masks)
    rng = np.random.default_rng([config.seed, index])
    seen = gather(video, frames, masks, cameras, rng, points_per_frame=plan.points, deepest=plan.bounds.extent[1])
    return Evidence(video, registered, masks, seen)


def _fit_all(
    body: TorchBody,
    template: Template,
    found: list[Evidence],
    caster: Raycaster,
    floor: float,
    config: ReconstructConfig,
) -> tuple[Shape, dict[str, Fitted], float]:
    """The shared shape from the best-seen stretches, then every video's motion with that shape."""
    mesh, rng = template.mesh, np.random.default_rng(config.seed)
    scale = best_scale([one.sightings for one in found], mesh, rng, template.sizes)
    ground = partial(support_heights, caster=caster, floor=floor, seat=template.seat)
    states = _starts(found, mesh, scale, ground, config)
    shape = _fit_shape(body, found, states, neutral_shape(mesh, scale), config)
    again = _starts(found, shaped(body, shape), 1.0, ground, config, template.postures)
    jobs = []
    for one in found:
        name, start = one.video.name, again[one.video.name]
        jobs.append(MotionJob(name, one.sightings, start.T_world_root, start.joint_rotations, start.support))
    residuals = []
    for job, (roots, joints, residual) in fit_motions(body, shape, jobs, config):
        states[job.name] = Fitted(roots, joints, job.support)
        residuals.append(residual)
    return shape, states, float(np.mean(residuals))


def _starts(
    found: list[Evidence],
    mesh: SkinnedMesh,
    scale: float,
    ground: Callable[[Array], Array],
    config: ReconstructConfig,
    postures: Sequence[Posture] = (STANDING,),
) -> dict[str, Fitted]:
    """Where the fit of every video's frames starts: the body placed in one of the postures."""
    starts = {}
    work = partial(track_root, body=mesh, scale=scale, postures=postures)
    with steps(sum(len(one.sightings.frames) for one in found), "agent headings") as bar:
        tracks = side_by_side(work, [one.sightings for one in found], config.workers)
        for one, track in zip(found, tracks, strict=True):
            roots = track.T_world_root
            starts[one.video.name] = Fitted(roots, track.joint_rotations, ground(roots[:, :3, 3]))
            bar.advance(len(roots))
    return starts


def _fit_shape(
    body: TorchBody, found: list[Evidence], states: dict[str, Fitted], shape: Shape, config: ReconstructConfig
) -> Shape:
    """Fit shape and poses together on the windows that tell most of the shape; poses go back into the states."""
    tracks = [states[one.video.name].T_world_root for one in found]
    chosen = telling_windows([one.sightings for one in found], tracks, SHAPE_FRAMES[config.preset])
    best = [(found[index], window) for index, window in chosen]
    parts = [(one.sightings, window) for one, window in best]

    def join(get: Callable[[Fitted], Array]) -> Array:
        return np.concatenate([get(states[one.video.name])[window] for one, window in best])

    frames = frames_of(parts, join(lambda state: state.support), config.device)
    start_at = start_poses(join(lambda s: s.T_world_root), join(lambda s: s.joint_rotations), config.device)
    steps = SHAPE_STEPS[config.preset]
    poses, shape, _ = fit(body, frames, start_at, shape, iterations=steps, free_shape=True, label="agent shape")
    _, joints = result(poses)
    done = 0
    for one, window in best:
        state = states[one.video.name]
        size = len(state.joint_rotations[window])
        state.joint_rotations[window] = joints[done : done + size]
        done += size
    return shape


def _motion(one: Evidence, state: Fitted | None, skinned: SkinnedMesh) -> VideoMotion:
    seen = one.sightings
    if state is None:
        still = np.zeros((1, skinned.skeleton.num_joints, 3))
        times = one.registered.times
        return on_clock(times, times[:1], np.zeros(1, dtype=bool), np.eye(4)[None], still)
    return on_clock(one.registered.times, seen.time, seen.seen, state.T_world_root, state.joint_rotations)


def _metrics(motions: Mapping[str, VideoMotion], residual: float) -> dict[str, float]:
    valid = sum(int(motion.valid.sum()) for motion in motions.values())
    total = sum(len(motion.valid) for motion in motions.values())
    return {"agent_fit_residual_m": residual, "agent_seconds": valid / 10.0, "agent_seen_share": valid / max(total, 1)}


def _write_masks(folder: Path, masks: dict[int, Array]) -> None:
    import cv2

    for frame, mask in masks.items():
        with atomic_path(folder / f"{frame:06d}.png") as temporary:
            cv2.imwrite(str(temporary), mask.astype(np.uint8) * 255)
