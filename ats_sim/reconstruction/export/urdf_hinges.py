"""A rig that every reader of URDF takes: hinges with limits in place of spherical joints, plain shapes for capsules.

`agent.urdf` has spherical joints and capsules, which PyBullet knows and the format does not. Here each joint is three
hinges about x, then y, then z, between links that weigh next to nothing, so a rotation R of the joint is
Rx(a) Ry(b) Rz(c); a capsule is a cylinder with two spheres. How far and how fast hinges turn is read off the motion
that was recorded.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.files import atomic_path
from ats_sim.geometry import exp_so3, rigid
from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.export.urdf import DENSITY, Capsule, capsules, origin

SLACK = 0.1
"""Room beyond the widest recorded angle, radians: nobody was filmed doing all it can."""
LEAST_SPEED = 1.0
EFFORT, EFFORT_PER_KG = 20.0, 3.0
"""Most torque, N m, at least and for each kilogram of the body. The format wants a number and films hold none: the
first is more than a pet has, the second about what a person's knee has."""
STUB_MASS, STUB_INERTIA = 1e-3, 1e-6
"""Of the links between hinges: small beside a limb, large enough for solvers."""
AXES = {"x": "1 0 0", "y": "0 1 0", "z": "0 0 1"}


def hinge_angles(joint_rotations: Array) -> Array:
    """Angles (..., 3) about x, y, z whose hinges, one after the other, turn like axis-angle rotations (..., 3)."""
    turn = exp_so3(joint_rotations)
    b = np.arcsin(np.clip(turn[..., 0, 2], -1.0, 1.0))
    a = np.arctan2(-turn[..., 1, 2], turn[..., 2, 2])
    c = np.arctan2(-turn[..., 0, 1], turn[..., 0, 0])
    return np.stack([a, b, c], axis=-1)


def hinge_limits(recorded: list[Array], step: float) -> tuple[Array, Array, Array]:
    """Lower, upper (J, 3) radians and fastest (J, 3) rad/s of what was recorded.

    Args:
        recorded: Rotations (N, J, 3) axis-angle, each array one stretch at equal steps.
        step: Seconds between frames.
    """
    angles = [hinge_angles(stretch) for stretch in recorded]
    everything = np.concatenate(angles)
    rates = [np.abs(np.diff(part, axis=0)) / step for part in angles if len(part) > 1]
    fastest = np.concatenate(rates).max(0) if rates else np.zeros(everything.shape[1:])
    return everything.min(0) - SLACK, everything.max(0) + SLACK, np.maximum(fastest, LEAST_SPEED)


def write_hinge_urdf(path: Path, skinned: SkinnedMesh, recorded: list[Array], step: float = 0.1) -> None:
    """Write the rig, atomically; joint NAME becomes hinges NAME_x, NAME_y, NAME_z; the last one turns its link.

    Args:
        path: Where to.
        skinned: The agent.
        recorded: Joint rotations (N, J, 3) axis-angle, each array one stretch without a gap.
        step: Seconds between frames.
    """
    skeleton, shapes = skinned.skeleton, capsules(skinned)
    low, high, fastest = hinge_limits(recorded, step)
    effort = max(EFFORT, EFFORT_PER_KG * sum(shape.mass for shape in shapes))
    lines = ['<?xml version="1.0"?>', '<robot name="agent">']
    for joint, name in enumerate(skeleton.joint_names):
        lines += _link(name, shapes[joint])
        if joint == 0:
            continue
        above = skeleton.joint_names[skeleton.joint_parents[joint]]
        places = (origin(skeleton.joint_rest[joint]), origin(np.eye(4)), origin(np.eye(4)))
        below = (f"{name}_after_x", f"{name}_after_y", name)
        for k, axis in enumerate(AXES):
            if below[k] != name:
                lines += _stub(below[k])
            lines += [
                f'  <joint name="{name}_{axis}" type="revolute">',
                f'    <parent link="{above}"/>',
                f'    <child link="{below[k]}"/>',
                f"    {places[k]}",
                f'    <axis xyz="{AXES[axis]}"/>',
                f'    <limit lower="{low[joint, k]:.4f}" upper="{high[joint, k]:.4f}" '
                f'effort="{effort:.3g}" velocity="{fastest[joint, k]:.2f}"/>',
                "  </joint>",
            ]
            above = below[k]
    lines.append("</robot>")
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def capsule_inertia(shape: Capsule) -> tuple[float, float]:
    """Moments of inertia of a solid capsule of its mass about its middle: across its axis, and about it, kg m2."""
    r, length = shape.radius, shape.length
    tube, balls = np.pi * r**2 * length, 4.0 / 3.0 * np.pi * r**3
    about = 0.5 * tube * r**2 + 0.4 * balls * r**2
    across = tube * (length**2 / 12 + r**2 / 4) + balls * (0.4 * r**2 + length**2 / 4 + 3 * length * r / 8)
    # A capsule too small to weigh something counts as denser.
    density = max(DENSITY, shape.mass / (tube + balls))
    return density * across, density * about


def _link(name: str, shape: Capsule) -> list[str]:
    across, about = capsule_inertia(shape)
    tip = rigid(np.eye(3), np.array([0.0, 0.0, 0.5 * shape.length]))
    ball = f'<sphere radius="{shape.radius:.5f}"/>'
    tube = f'<cylinder radius="{shape.radius:.5f}" length="{shape.length:.5f}"/>'
    solids = [(shape.pose, tube), (shape.pose @ tip, ball), (shape.pose @ np.linalg.inv(tip), ball)]
    return [
        f'  <link name="{name}">',
        *_inertial(origin(shape.pose), shape.mass, across, about),
        *(f"    <collision>{origin(pose)}<geometry>{solid}</geometry></collision>" for pose, solid in solids),
        "  </link>",
    ]


def _stub(name: str) -> list[str]:
    inertial = _inertial(origin(np.eye(4)), STUB_MASS, STUB_INERTIA, STUB_INERTIA)
    return [f'  <link name="{name}">', *inertial, "  </link>"]


def _inertial(place: str, mass: float, across: float, about: float) -> list[str]:
    return [
        f'    <inertial>{place}<mass value="{mass:.5f}"/>',
        f'      <inertia ixx="{across:.4e}" iyy="{across:.4e}" izz="{about:.4e}" ixy="0" ixz="0" iyz="0"/>',
        "    </inertial>",
    ]
