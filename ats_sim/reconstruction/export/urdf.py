"""A capsule rig for a physics engine: one link per joint, spherical joints, sizes read off the skinned mesh."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.files import atomic_path
from ats_sim.geometry import rigid, transform_points
from ats_sim.mesh import SkinnedMesh

DENSITY = 1000.0
"""Animals weigh about as much as water, kg per cubic metre."""
MIN_RADIUS, MIN_LENGTH, MIN_MASS = 0.006, 0.004, 0.01
MIN_INERTIA = 1e-6


@dataclass(frozen=True, eq=False)
class Capsule:
    """A capsule in its joint's frame."""

    pose: Array
    """(4, 4): its middle, and its axis along z."""
    radius: float
    """Metres."""
    length: float
    """Of the cylinder between the two half spheres, metres."""

    @property
    def mass(self) -> float:
        """Kilograms."""
        volume = np.pi * self.radius**2 * self.length + 4.0 / 3.0 * np.pi * self.radius**3
        return max(MIN_MASS, DENSITY * float(volume))


def capsules(skinned: SkinnedMesh) -> list[Capsule]:
    """One capsule per joint around the vertices that follow it most."""
    owner = np.take_along_axis(skinned.skin_joints, skinned.skin_weights.argmax(1)[:, None], 1)[:, 0]
    rest = skinned.skeleton.rest_transforms
    return [
        _capsule(transform_points(np.linalg.inv(rest[joint]), skinned.mesh.vertices[owner == joint].astype(np.float64)))
        for joint in range(skinned.skeleton.num_joints)
    ]


def write_urdf(path: Path, skinned: SkinnedMesh) -> None:
    """Write the rig, atomically. Links are named like the joints that move them; the base link is the root."""
    skeleton, shapes = skinned.skeleton, capsules(skinned)
    lines = ['<?xml version="1.0"?>', '<robot name="agent">']
    for joint, name in enumerate(skeleton.joint_names):
        # The engine steers the base by its centre of mass, so that lies at the root.
        lines += _link(name, shapes[joint], centred=joint == 0)
    for joint in range(1, skeleton.num_joints):
        parent = skeleton.joint_names[skeleton.joint_parents[joint]]
        name = skeleton.joint_names[joint]
        lines += [
            f'  <joint name="{name}_joint" type="spherical">',
            f'    <parent link="{parent}"/>',
            f'    <child link="{name}"/>',
            f"    {origin(skeleton.joint_rest[joint])}",
            # A spherical joint needs none, but PyBullet warns of each joint without.
            '    <axis xyz="1 0 0"/>',
            "  </joint>",
        ]
    lines.append("</robot>")
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _capsule(points: Array) -> Capsule:
    """The capsule around points (N, 3): along their longest axis, as thick as most of them are away from it."""
    if len(points) < 4:
        return Capsule(np.eye(4), MIN_RADIUS, MIN_LENGTH)
    middle = points.mean(0)
    _, _, axes = np.linalg.svd(points - middle, full_matrices=False)
    along = (points - middle) @ axes[0]
    low, high = np.percentile(along, [2, 98])
    middle = middle + axes[0] * 0.5 * (low + high)
    offset = points - middle
    away = np.linalg.norm(offset - np.outer(offset @ axes[0], axes[0]), axis=1)
    radius = max(MIN_RADIUS, min(float(np.percentile(away, 60)), 0.5 * float(high - low) + MIN_RADIUS))
    length = max(MIN_LENGTH, float(high - low) - 2 * radius)
    across = np.array(axes[1])
    turn = np.stack([across, np.cross(axes[0], across), axes[0]], axis=1)
    return Capsule(rigid(turn, middle), radius, length)


def _link(name: str, shape: Capsule, centred: bool) -> list[str]:
    mass = shape.mass
    long = shape.length + 2 * shape.radius
    inertia = max(MIN_INERTIA, mass * (3 * shape.radius**2 + long**2) / 12)
    # The engine gets spherical joints wrong when a link's inertia is turned against its frame, so it is not turned and,
    # to stay physical, the same about all axes.
    inertial = np.eye(4) if centred else rigid(np.eye(3), shape.pose[:3, 3])
    return [
        f'  <link name="{name}">',
        "    <inertial>",
        f"      {origin(inertial)}",
        f'      <mass value="{mass:.5f}"/>',
        f'      <inertia ixx="{inertia:.3e}" ixy="0" ixz="0" iyy="{inertia:.3e}" iyz="0" izz="{inertia:.3e}"/>',
        "    </inertial>",
        "    <collision>",
        f"      {origin(shape.pose)}",
        f'      <geometry><capsule radius="{shape.radius:.5f}" length="{shape.length:.5f}"/></geometry>',
        "    </collision>",
        "  </link>",
    ]


def origin(pose: Array) -> str:
    """The URDF element of a pose (4, 4)."""
    x, y, z = pose[:3, 3]
    roll, pitch, yaw = _fixed_angles(pose[:3, :3])
    return f'<origin xyz="{x:.6f} {y:.6f} {z:.6f}" rpy="{roll:.6f} {pitch:.6f} {yaw:.6f}"/>'


def _fixed_angles(rotation: Array) -> tuple[float, float, float]:
    """Roll, pitch, yaw about fixed axes, as URDF has them."""
    pitch = float(np.arcsin(np.clip(-rotation[2, 0], -1.0, 1.0)))
    if abs(rotation[2, 0]) > 1.0 - 1e-9:
        # Roll and yaw turn about one axis here: all goes into yaw.
        return 0.0, pitch, float(np.arctan2(-rotation[0, 1], rotation[1, 1]))
    roll = float(np.arctan2(rotation[2, 1], rotation[2, 2]))
    return roll, pitch, float(np.arctan2(rotation[1, 0], rotation[0, 0]))
