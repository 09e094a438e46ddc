"""Films one recording of a made-up home and writes it with its ground truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics
from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.capture.synthesis.animal.body import Body, make_body
from ats_sim.reconstruction.capture.synthesis.config import SynthesizeConfig
from ats_sim.reconstruction.capture.synthesis.filming.camera_sensor import Appearance, CameraSensor, draw_appearance
from ats_sim.reconstruction.capture.synthesis.filming.depth_sensor import DepthSensor
from ats_sim.reconstruction.capture.synthesis.filming.observer import TEMPERS, Temper
from ats_sim.reconstruction.capture.synthesis.filming.odometry import drifting_odometry
from ats_sim.reconstruction.capture.synthesis.filming.scene_frame import scene_from_home, walkthrough_day
from ats_sim.reconstruction.capture.synthesis.filming.scene_life import (
    BEHAVIOUR_HZ,
    Moments,
    Witness,
    joint_positions,
    live,
)
from ats_sim.reconstruction.capture.synthesis.filming.studio import Studio
from ats_sim.reconstruction.capture.synthesis.home.daylight import NEUTRAL, draw_daylight
from ats_sim.reconstruction.capture.synthesis.home.house import build_home
from ats_sim.reconstruction.capture.synthesis.home.layout import HomeLayout
from ats_sim.reconstruction.capture.writer import CaptureWriter, VideoWriter

WALKTHROUGH = "walkthrough"
Tick = Callable[[], None]
_FOV = np.deg2rad(52.0)


def video_name(index: int) -> str:
    """Folder of the index-th video."""
    return f"v{index:02d}"


def phone_intrinsics(config: SynthesizeConfig) -> Intrinsics:
    """The device's camera: 52 degrees high, its principal point a little off the middle."""
    plain = Intrinsics.from_fov(float(_FOV), config.width, config.height)
    shift = config.width / 192
    return Intrinsics(
        plain.fl_x, plain.fl_y, plain.cx + 0.9 * shift, plain.cy - 0.6 * shift, config.width, config.height
    )


def make_agent(config: SynthesizeConfig) -> Body:
    """The animal of a capture; raises ConfigError for one that is not modelled."""
    return make_body(config.body, np.random.default_rng([config.seed, 10]))


def observer_style(config: SynthesizeConfig, index: int) -> Temper:
    """How the person of a video behaves; every four videos show all tempers."""
    order = np.random.default_rng([config.seed, 11, index // 4]).permutation(4)
    return TEMPERS[order[index % 4]]


def record_walkthrough(writer: CaptureWriter, config: SynthesizeConfig, tick: Tick) -> None:
    """Films the empty home; its poses are metric and define the scene frame."""
    layout = build_home(config.seed, rooms=config.rooms)
    times, poses = walkthrough_day(config, layout)
    rng = np.random.default_rng([config.seed, 20])
    look = draw_appearance(rng, varied=False, noise=config.noise)
    intrinsics = phone_intrinsics(config)
    sensor, depth_sensor = CameraSensor(look, rng), DepthSensor(intrinsics, rng, config.noise)
    T_scene_home = scene_from_home(config)
    studio = Studio(layout, NEUTRAL, rng)
    truth = []
    with writer.recording(WALKTHROUGH, intrinsics, config.fps) as video:
        for time, pose in zip(times, poses, strict=True):
            shot = studio.shoot(intrinsics, pose)
            truth.append(_shorten(shot.depth))
            depth = depth_sensor.measure(shot.depth)
            video.add(time, sensor.develop(shot.rgb), depth, T_world_camera=T_scene_home @ pose)
            tick()
        video.ground_truth(T_world_camera=T_scene_home @ poses, time=times, depth=np.stack(truth))
    studio.close()


@dataclass(frozen=True)
class _Day:
    """Everything that is decided before a video is filmed."""

    config: SynthesizeConfig
    index: int
    style: Temper
    appearance: Appearance
    intrinsics: Intrinsics
    T_scene_home: Array


def record_video(writer: CaptureWriter, config: SynthesizeConfig, index: int, tick: Tick) -> None:
    """Films one day with the animal: frames, masks, odometry, ground truth, second camera."""
    life_rng, day_rng, noise_rng = _chances(config, index)
    body = make_agent(config)
    layout = _layout(config, index, body)
    light = draw_daylight(day_rng, config.light)
    day = _Day(
        config=config,
        index=index,
        style=observer_style(config, index),
        appearance=draw_appearance(day_rng, varied=config.light != "constant", noise=config.noise),
        intrinsics=phone_intrinsics(config),
        T_scene_home=scene_from_home(config),
    )
    life = live(layout, body, day.style, config.seconds, life_rng)
    frames = life.at(np.arange(max(1, round(config.seconds * config.fps))) / config.fps)
    studio = Studio(layout, light, day_rng, body.skinned)
    pose_source = "odometry" if config.odometry else None
    with writer.recording(video_name(index), day.intrinsics, config.fps, pose_source=pose_source) as video:
        pictures = _film(video, studio, frames, day, noise_rng, tick)
        facts = {"observer": day.style, "light": asdict(light), "appearance": day.appearance.to_json()}
        truth = _ground_truth(body.skinned, life, frames, day.T_scene_home, config.seconds)
        video.ground_truth(**truth, **pictures, day=np.array(json.dumps(facts)))
    studio.close()


def lived(config: SynthesizeConfig, index: int, body: Body, witness: Witness | None = None) -> Moments:
    """What the animal and the person did on the day of a video, in the home's frame, without filming it."""
    life_rng, _, _ = _chances(config, index)
    layout = _layout(config, index, body)
    return live(layout, body, observer_style(config, index), config.seconds, life_rng, witness)


def _chances(config: SynthesizeConfig, index: int) -> list[np.random.Generator]:
    """Of life, light and sensors on the day of a video: what is filmed changes nothing about what happens."""
    return np.random.default_rng([config.seed, 30, index]).spawn(3)


def _layout(config: SynthesizeConfig, index: int, body: Body) -> HomeLayout:
    """The home as it stood on the day of a video."""
    return build_home(config.seed, rooms=config.rooms, day=index, moves=config.moves, trunk=body.plan.trunk)


def _film(
    video: VideoWriter, studio: Studio, frames: Moments, day: _Day, rng: np.random.Generator, tick: Tick
) -> dict[str, Array]:
    sensor = CameraSensor(day.appearance, rng)
    depth_sensor = DepthSensor(day.intrinsics, rng, day.config.noise)
    T_world_camera = day.T_scene_home @ frames.T_world_camera
    odometry = drifting_odometry(rng, T_world_camera) if day.config.odometry else [None] * len(T_world_camera)
    masks, depths = [], []
    second_sensor = CameraSensor(replace(day.appearance, noise=0.0, blur=0.0), rng)
    with video.second_camera(day.intrinsics) if day.config.second_camera else nullcontext() as second:
        for k, time in enumerate(frames.time):
            studio.pose(frames.T_world_root[k], frames.joint_rotations[k])
            shot = studio.shoot(day.intrinsics, frames.T_world_camera[k])
            masks.append(shot.mask)
            depths.append(_shorten(shot.depth))
            measured = depth_sensor.measure(shot.depth)
            video.add(time, sensor.develop(shot.rgb), measured, T_world_camera=odometry[k], mask=shot.mask)
            if second is not None:
                other = studio.shoot(day.intrinsics, frames.T_world_second[k])
                pose = day.T_scene_home @ frames.T_world_second[k]
                second.add(time, second_sensor.develop(other.rgb), other.depth, T_world_camera=pose, mask=other.mask)
            tick()
    return {"agent_mask": np.stack(masks), "depth": np.stack(depths)}


def _ground_truth(
    agent: SkinnedMesh, life: Moments, frames: Moments, T_scene_home: Array, seconds: float
) -> dict[str, Array]:
    skeleton = agent.skeleton
    motion = life.at(np.arange(int(seconds * BEHAVIOUR_HZ) + 1) / BEHAVIOUR_HZ)
    positions = joint_positions(agent, frames) @ T_scene_home[:3, :3].T + T_scene_home[:3, 3]
    return {
        "T_world_camera": T_scene_home @ frames.T_world_camera,
        "T_world_root": T_scene_home @ frames.T_world_root,
        "joint_rotations": frames.joint_rotations.astype(np.float32),
        "joint_rest": skeleton.joint_rest,
        "joint_parents": np.asarray(skeleton.joint_parents),
        "joint_names": np.array(skeleton.joint_names),
        "joint_positions": positions.astype(np.float32),
        "time": frames.time,
        "activity": np.array(frames.activity),
        "goal": np.array(frames.goal),
        "motion_time": motion.time,
        "motion_T_world_root": T_scene_home @ motion.T_world_root,
        "motion_joint_rotations": motion.joint_rotations.astype(np.float32),
        "motion_T_world_camera": T_scene_home @ motion.T_world_camera,
        "motion_activity": np.array(motion.activity),
        "motion_goal": np.array(motion.goal),
        "T_scene_home": T_scene_home,
    }


def _shorten(depth: Array) -> Array:
    """float32 metres in steps of 1/1024 m, finer than the pictures' millimetres, which compress to a quarter."""
    return np.asarray(np.rint(depth * 1024) / 1024, np.float32)
