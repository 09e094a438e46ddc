"""What lines of sight cost, and how bodies with weight follow recorded motion, keep out of walls and are restored.

    python -m benchmarks.physics --home default

Figures are CPU seconds of one process, so that a busy machine hardly moves them.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pybullet
import tyro

from ats_sim.arrays import Array
from ats_sim.collision import read_collision
from ats_sim.dynamics import DynamicBodies
from ats_sim.geometry import exp_so3, geodesic_angle, rigid, yaw_matrix
from ats_sim.home import Home
from ats_sim.physics import Bodies
from ats_sim.sight import SightLines

AWAY = np.array([0.0, 0.0, -50.0])  # an observer who is not there
FEET_NEAR = 0.05  # metres between a paw's joint and what is solid that count as standing on it
RAYS = 8  # per step and agent


@dataclass(frozen=True)
class PhysicsBenchmark:
    """What to measure."""

    home: str = "default"
    """A home folder, a .zip, or "default"."""
    seconds: float = 12.0
    """How long each recorded motion is followed."""
    motions: int = 4
    """How many recorded motions are followed."""
    drives: int = 12
    """How many times a body is driven straight on at 4 m/s for 5 s, from a recorded place."""
    restores: int = 9
    """How many times a crowd of three is restored and compared for up to 5 s."""


def cpu(task: Callable[[], object], times: int) -> float:
    """CPU seconds of one call."""
    task()
    start = time.process_time()
    for _ in range(times):
        task()
    return (time.process_time() - start) / times


def measure_sight(home: Home) -> dict[str, Any]:
    """CPU microseconds for a step's rays, asked of Embree, the physics engine and the distance field."""
    rng, volume, lines = np.random.default_rng(0), home.perception, SightLines(read_collision(home.collision_paths))
    starts = volume.observer_cameras[rng.integers(len(volume.observer_cameras), size=4000), :3, 3].astype(np.float64)
    ends = volume.agent_roots[rng.integers(len(volume.agent_roots), size=4000), :3, 3].astype(np.float64)
    client = pybullet.connect(pybullet.DIRECT)
    _static_home(home, client)
    few = slice(0, RAYS)

    def engine(part: slice) -> Array:
        rays = pybullet.rayTestBatch(starts[part].tolist(), ends[part].tolist(), physicsClientId=client)
        return np.array([ray[0] >= 0 for ray in rays])

    everything = slice(None)
    seen = lines.blocked(starts, ends)
    found = {
        "embree_us": 1e6 * cpu(lambda: lines.blocked(starts[few], ends[few]), 5000),
        "engine_us": 1e6 * cpu(lambda: engine(few), 2000),
        "field_us": 1e6 * cpu(lambda: _march(home, starts[few], ends[few]), 200),
        "engine_agrees": float((engine(everything) == seen).mean()),
        "field_agrees": float((_march(home, starts, ends) == seen).mean()),
    }
    pybullet.disconnect(physicsClientId=client)
    return found


def _static_home(home: Home, client: int) -> None:
    for vertices, faces in read_collision(home.collision_paths):
        shape = pybullet.createCollisionShape(
            pybullet.GEOM_MESH, vertices=vertices.tolist(), indices=faces.reshape(-1).tolist(),
            flags=pybullet.GEOM_FORCE_CONCAVE_TRIMESH, physicsClientId=client,
        )  # fmt: skip
        pybullet.createMultiBody(0.0, shape, physicsClientId=client)


def _march(home: Home, starts: Array, ends: Array) -> Array:
    """Sphere tracing through the home's distance field."""
    ways = ends - starts
    lengths = np.linalg.norm(ways, axis=1)
    ways = ways / np.maximum(lengths, 1e-9)[:, None]
    gone, hit = np.zeros(len(starts)), np.zeros(len(starts), dtype=bool)
    while not (hit | (gone >= lengths)).all():
        room = home.perception.sample_sdf(starts + np.minimum(gone, lengths)[:, None] * ways)
        hit |= (room <= 0.0) & (gone < lengths)
        gone += np.maximum(room, 0.01)
    return hit


def measure_building(home: Home) -> dict[str, Any]:
    """CPU milliseconds until bodies can be asked, for the first world of a home and for the next."""

    def built(kind: type[Bodies]) -> float:
        start = time.process_time()
        bodies = kind(home, num_agents=1, observer_radius=0.2, observer_height=1.6)
        bodies.agent_gap(0)
        kept.append(bodies)
        return 1e3 * (time.process_time() - start)

    kept: list[Bodies] = []
    found = {"kinematic_first_ms": built(Bodies), "kinematic_next_ms": built(Bodies)}
    found |= {"dynamic_ms": built(DynamicBodies)}
    for bodies in kept:
        bodies.close()
    return found


def measure_following(home: Home, seconds: float, motions: int) -> list[dict[str, Any]]:
    """How bodies with weight follow recorded motion; "planned" rows are of the motion itself (kinematic bodies)."""
    found = []
    for motion in home.animations[:motions]:
        count = min(len(motion.time), round(seconds * 10))
        roots, joints = (
            motion.T_world_root[:count].astype(np.float64),
            motion.joint_rotations[:count].astype(np.float64),
        )
        bodies = _bodies(home, 1)
        bodies.place_agent(0, roots[0], joints[0])
        poses = [bodies.poses()[0]]
        start = time.process_time()
        for root, joint in zip(roots[1:], joints[1:], strict=True):
            bodies.track([(root, joint)], AWAY)
            poses.append(bodies.poses()[0])
        spent = time.process_time() - start
        bodies.close()
        real, turned = np.array([pose[0] for pose in poses]), np.array([pose[1] for pose in poses])
        behind = np.linalg.norm(real[:, :3, 3] - roots[:, :3, 3], axis=1)
        off = geodesic_angle(exp_so3(turned[:, 1:]), exp_so3(joints[:, 1:]))
        found.append(
            {
                "motion": motion.name,
                "steps_per_cpu_s": (count - 1) / spent,
                "root_error_m": {"mean": float(behind.mean()), "p95": float(np.percentile(behind, 95))},
                "joint_error_rad": float(off.mean()),
                "upright_least": float(real[:, 2, 2].min()),
                "foot_skate_m_s": {"physical": _skate(home, real, turned), "planned": _skate(home, roots, joints)},
                "penetration_m": {"physical": _depth(home, real, turned), "planned": _depth(home, roots, joints)},
            }
        )
    return found


def _positions(home: Home, roots: Array, joints: Array) -> Array:
    return np.asarray(home.skeleton.forward_kinematics(roots, joints)[..., :3, 3])


def _skate(home: Home, roots: Array, joints: Array) -> float:
    """Mean speed of paws that are near the ground in two frames after each other."""
    paws = [index for index, name in enumerate(home.skeleton.joint_names) if name.endswith("paw")]
    places = _positions(home, roots, joints)[:, paws]
    near = home.perception.sample_sdf(places) < FEET_NEAR
    speeds = 10.0 * np.linalg.norm(np.diff(places[..., :2], axis=0), axis=-1)
    standing = near[1:] & near[:-1]
    return float(speeds[standing].mean()) if standing.any() else 0.0


def _depth(home: Home, roots: Array, joints: Array) -> float:
    return float(max(0.0, -home.perception.sample_sdf(_positions(home, roots, joints)).min()))


def measure_walls(home: Home, drives: int) -> dict[str, Any]:
    """Drive a body straight on, whatever is there; count roots that went through something."""
    rng, bodies, lines = np.random.default_rng(0), _bodies(home, 1), SightLines.of(home)
    crossed, least, steps = 0, np.inf, 50
    for _ in range(drives):
        motion = home.animations[int(rng.integers(len(home.animations)))]
        frame, yaw = int(rng.integers(len(motion.time))), float(rng.uniform(-np.pi, np.pi))
        place = motion.T_world_root[frame, :3, 3].astype(np.float64)
        joints = motion.joint_rotations[frame].astype(np.float64)
        bodies.place_agent(0, rigid(yaw_matrix(yaw), place), joints)
        before = bodies.poses()[0][0][None, :3, 3]
        for _ in range(steps):
            place = place + 0.4 * np.array([np.cos(yaw), np.sin(yaw), 0.0])
            bodies.track([(rigid(yaw_matrix(yaw), place), joints)], AWAY)
            now = bodies.poses()[0][0][None, :3, 3]
            crossed += int(lines.blocked(before, now)[0])
            least, before = min(least, float(home.perception.sample_sdf(now)[0])), now
    bodies.close()
    return {"steps": drives * steps, "walls_crossed": crossed, "least_room_of_a_root_m": least}


def measure_restoring(home: Home, restores: int) -> dict[str, Any]:
    """Three agents crowd around the observer; how far does a restored crowd part from the one that went on?"""
    bodies, length = _bodies(home, 3), 50
    motion = home.animations[0]
    roots, joints = motion.T_world_root.astype(np.float64), motion.joint_rotations.astype(np.float64)

    def crowd(step: int) -> None:
        aims = [(roots[step + 3 * index], joints[step]) for index in range(3)]
        bodies.track(aims, np.array([*roots[step + 8, :2, 3], 0.0]))
        seen.append(np.stack([pose[0][:3, 3] for pose in bodies.poses()]))

    for index in range(3):
        bodies.place_agent(index, roots[3 * index], joints[0])
    seen: list[Array] = []
    saved, saves = {}, [10 * number for number in range(restores)]
    for step in range(saves[-1] + length):
        if step in saves:
            saved[step] = bodies.save()
        crowd(step)
    bodies.close()
    went_on, parted = np.array(seen), []
    for step in saves:
        bodies = _bodies(home, 3)
        bodies.load(saved[step])
        seen = []
        for later in range(step, step + length):
            crowd(later)
        apart = np.linalg.norm(np.array(seen) - went_on[step : step + length], axis=-1).max(1)
        parted.append([float(apart[9]), float(apart[-1]), float((apart > 0.0).any())])
        bodies.close()
    worst = np.array(parted).max(0)
    return {"restores": restores, "not_bit_equal": int(sum(row[2] for row in parted)),
            "apart_after_1_s_m": float(worst[0]), "apart_after_5_s_m": float(worst[1])}  # fmt: skip


def _bodies(home: Home, num_agents: int) -> DynamicBodies:
    bodies = DynamicBodies(home, num_agents=num_agents, observer_radius=0.2, observer_height=1.6)
    bodies.place_observer(AWAY)
    return bodies


def main(options: PhysicsBenchmark) -> dict[str, Any]:
    """All figures."""
    home = Home.load(options.home, require_policy=False)
    return {
        "building": measure_building(home),
        "sight": measure_sight(home),
        "following": measure_following(home, options.seconds, options.motions),
        "walls": measure_walls(home, options.drives),
        "restoring": measure_restoring(home, options.restores),
    }


if __name__ == "__main__":
    print(json.dumps(main(tyro.cli(PhysicsBenchmark)), indent=1))
