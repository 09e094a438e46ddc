"""Articulated fit: bend the template into what the pictures show of the agent.

No picture is rendered. Observed points pull the surface that faces the camera (point to plane), space outside the mask
pushes the body back inside, and priors keep the motion smooth, the joints modest and the feet above the floor. Frames
without evidence (held out, hidden) move with their neighbours. Shape is shared by all videos.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ats_sim.arrays import Array
from ats_sim.geometry import heading, log_so3, project_to_so3, rigid
from ats_sim.progress import steps
from ats_sim.reconstruction.agent.body import RestBody, TorchBody, exp_so3
from ats_sim.reconstruction.agent.observations import Sightings
from ats_sim.reconstruction.agent.template import Shape


@dataclass(frozen=True)
class FitWeights:
    """Weights of the terms; distances in metres, angles in radians."""

    plane: float = 1.0
    """Distance of observed points from the surface's tangent plane, clamped at 0.1 m."""
    point: float = 1.0
    """Distance of observed points from the nearest vertex, clamped at 0.3 m."""
    outside: float = 0.5
    """Distance by which visible vertices leave the mask."""
    joint_magnitude: float = 0.0006
    """Squared joint angles, each by how stiff the body's joints are about that axis."""
    one_way: float = 0.02
    """Squared angle by which a hinge, such as a knee, is bent the wrong way."""
    joint_motion: float = 0.004
    """Squared change of joint angles between frames, per 0.1 s."""
    root_acceleration: float = 1.0
    """Second difference of the root's position, squared."""
    yaw_acceleration: float = 0.02
    """Second difference of the heading, squared."""
    tilt: float = 0.02
    """Squared pitch and roll of the trunk."""
    floor: float = 2.0
    """Depth of vertices below what the agent stands on."""
    ground: float = 0.3
    """Gap between the lowest vertex and what the agent stands on, clamped at 0.1 m (it may leap)."""
    scales: float = 0.2
    """Squared deviation of the joints' log scales from their mean."""
    offsets: float = 0.5
    """Squared vertex offsets, relative to 1 cm, times 0.01."""
    offset_smoothness: float = 50.0
    """Squared Laplacian of the vertex offsets."""


@dataclass(frozen=True, eq=False)
class Frames:
    """B frames to fit at once, perhaps of several videos."""

    points: Tensor
    """(B, P, 3) observed points."""
    fields: Tensor
    """(B, 1, h, w) angle to the mask."""
    world_to_camera: Tensor
    """(B, 4, 4)."""
    eyes: Tensor
    """(B, 3) camera centres."""
    project: Tensor
    """(B, 4) fl_x, fl_y, cx, cy of the fields."""
    seen: Tensor
    """(B,) 1 where there is evidence."""
    step: Tensor
    """(B - 1,) seconds to the next frame; infinite across videos."""
    support: Tensor
    """(B,) world height of the surface below the agent."""


@dataclass(eq=False)
class Poses:
    """Parameters of B frames: a fixed reference heading and what is optimised around it."""

    yaw: Tensor
    """(B,) heading, radians, continuous along a video."""
    tilt: Tensor
    """(B, 2) roll about x and pitch about y."""
    place: Tensor
    """(B, 3) root position."""
    joints: Tensor
    """(B, J, 3) axis-angle."""
    parameters: list[Tensor] = field(init=False)

    def __post_init__(self) -> None:
        self.parameters = [self.yaw, self.tilt, self.place, self.joints]

    def root_rotations(self) -> Tensor:
        """(B, 3, 3)."""
        zero = torch.zeros_like(self.yaw)
        turn = exp_so3(torch.stack([zero, zero, self.yaw], -1))
        return turn @ exp_so3(torch.cat([self.tilt, zero[:, None]], -1))


def frames_of(parts: list[tuple[Sightings, slice]], support: Array, device: str) -> Frames:
    """Join windows of videos into one batch; `support` (B,) is the height of the surface below the agent."""

    def stack(get: Callable[[Sightings], Array]) -> Array:
        return np.concatenate([get(one)[window] for one, window in parts])

    cameras = stack(lambda one: one.T_world_camera)
    times = [one.time[window] for one, window in parts]
    gaps = [np.append(np.diff(time), np.inf) for time in times]
    return Frames(
        points=_tensor(stack(lambda one: one.points), device),
        fields=_tensor(stack(lambda one: one.fields), device)[:, None],
        world_to_camera=_tensor(np.linalg.inv(cameras), device),
        eyes=_tensor(cameras[:, :3, 3], device),
        project=_tensor(stack(lambda one: one.lens), device),
        seen=_tensor(stack(lambda one: one.seen), device),
        step=_tensor(np.concatenate(gaps)[:-1], device),
        support=_tensor(support, device),
    )


def start_poses(T_world_root: Array, joints: Array, device: str) -> Poses:
    """Parameters from root poses (B, 4, 4) and joint rotations (B, J, 3)."""
    yaw = np.unwrap(heading(T_world_root[:, :3, :3]))
    level = np.swapaxes(exp_so3(_tensor(np.stack([0 * yaw, 0 * yaw, yaw], -1), "cpu")).numpy(), 1, 2)
    tilt = log_so3(project_to_so3(level @ T_world_root[:, :3, :3]))[:, :2]
    return Poses(*(_tensor(value, device) for value in (yaw, tilt, T_world_root[:, :3, 3], joints)))


def fit(
    body: TorchBody,
    frames: Frames,
    poses: Poses,
    shape: Shape,
    *,
    iterations: int,
    free_shape: bool,
    weights: FitWeights | None = None,
    frozen: int = 0,
    label: str | None = None,
) -> tuple[Poses, Shape, float]:
    """Adam on poses, and on the shape where it is free; the first `frozen` frames stay as they are.

    The first fifth of the steps moves roots (and the overall size) only, the last two fifths also free the vertices.
    A label shows a progress bar. Returns poses, shape and the final data term (mean distance of points from the
    surface, metres).
    """
    weights = weights or FitWeights()
    device = str(frames.points.device)
    form = [_tensor(value, device) for value in (shape.log_scales, shape.log_girths, shape.offsets)]
    rates = [(poses.yaw, 0.02), (poses.tilt, 0.01), (poses.place, 0.008), (poses.joints, 0.03)]
    rates += list(zip(form, (0.01, 0.01, 0.0006), strict=True)) if free_shape else []
    groups = [{"params": [tensor.requires_grad_(True)], "lr": rate} for tensor, rate in rates]
    optimiser = torch.optim.Adam(groups)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda i: 0.1 + 0.9 * (1 - i / max(iterations, 1)))
    rest = None if free_shape else body.rest(*form)
    residual = torch.zeros(())
    with steps(iterations, label) as bar:
        for iteration in range(iterations):
            optimiser.zero_grad()
            current = body.rest(*form) if rest is None else rest
            loss, residual = _loss(body, current, frames, poses, form, weights)
            loss.backward()  # type: ignore[no-untyped-call]
            _hold(poses, form if free_shape else [], iteration / iterations, frozen)
            optimiser.step()
            schedule.step()
            bar.advance(cm=100 * float(residual))
    for tensor, _ in rates:
        tensor.requires_grad_(False)
    return poses, Shape(*(tensor.cpu().numpy().copy() for tensor in form)), float(residual)


def result(poses: Poses) -> tuple[Array, Array]:
    """Root poses (B, 4, 4) and joint rotations (B, J, 3) as NumPy."""
    joints = poses.joints.detach().cpu().double().numpy().copy()
    joints[:, 0] = 0.0
    rotation = project_to_so3(poses.root_rotations().detach().cpu().double().numpy())
    return rigid(rotation, poses.place.detach().cpu().double().numpy()), joints


def _hold(poses: Poses, form: list[Tensor], progress: float, frozen: int) -> None:
    """Zero the gradients of what must not move at this stage."""
    for tensor in poses.parameters:
        if tensor.grad is not None and frozen:
            tensor.grad[:frozen] = 0.0
    if progress < 0.2 and poses.joints.grad is not None:
        poses.joints.grad.zero_()
    for tensor, start in zip(form, (0.2, 0.2, 0.5), strict=False):
        if tensor.grad is not None and progress < start:
            # The overall size may adapt from the beginning.
            tensor.grad[:] = tensor.grad.mean() if tensor is form[0] else 0.0


def _loss(
    body: TorchBody, rest: RestBody, frames: Frames, poses: Poses, form: list[Tensor], w: FitWeights
) -> tuple[Tensor, Tensor]:
    scales, girths, offsets = form
    vertices, normals = body.pose(rest, poses.place, poses.root_rotations(), poses.joints)
    plane, point = _surface_distance(vertices, normals, frames)
    count = frames.seen.sum().clamp_min(1.0)

    def mean(values: Tensor) -> Tensor:
        return (values * frames.seen).sum() / count

    height = vertices[..., 2] - frames.support[:, None]
    below = torch.relu(-height)
    gap = torch.relu(height.amin(1)).clamp(max=0.1)
    loss = w.plane * mean(plane.clamp(max=0.1).mean(1)) + w.point * mean(point.clamp(max=0.3).mean(1))
    loss = loss + w.outside * mean(_outside(vertices, frames)) + w.floor * below.mean() + w.ground * mean(gap)
    loss = loss + _priors(body, poses, frames, w)
    spread = scales - scales.mean()
    loss = loss + w.scales * ((spread**2).mean() + (girths**2).mean())
    loss = loss + w.offsets * (offsets**2).mean() + w.offset_smoothness * ((body.neighbours @ offsets) ** 2).mean()
    return loss, mean(plane.clamp(max=0.1).mean(1)).detach()


def _surface_distance(vertices: Tensor, normals: Tensor, frames: Frames) -> tuple[Tensor, Tensor]:
    """Distances (B, P) of observed points from the tangent plane at, and from, the nearest vertex facing the camera."""
    with torch.no_grad():
        away = (normals * (frames.eyes[:, None] - vertices)).sum(-1) < 0
        apart = torch.cdist(frames.points, vertices) + 10.0 * away[:, None, :]
        nearest = apart.argmin(-1)
    index = nearest[..., None].expand(-1, -1, 3)
    offset = frames.points - torch.gather(vertices, 1, index)
    plane = (offset * torch.gather(normals, 1, index).detach()).sum(-1).abs()
    return plane, (offset.square().sum(-1) + 1e-8).sqrt()


def _outside(vertices: Tensor, frames: Frames) -> Tensor:
    """Mean distance (B,) by which vertices project outside the mask."""
    turn, shift = frames.world_to_camera[:, :3, :3], frames.world_to_camera[:, :3, 3]
    camera = vertices @ turn.transpose(1, 2) + shift[:, None]
    depth = camera[..., 2].clamp_min(0.1)
    height, width = frames.fields.shape[-2:]
    u = frames.project[:, None, 0] * camera[..., 0] / depth + frames.project[:, None, 2]
    v = frames.project[:, None, 1] * camera[..., 1] / depth + frames.project[:, None, 3]
    grid = torch.stack([(2 * u + 1) / width - 1, (2 * v + 1) / height - 1], -1)
    angle = torch.nn.functional.grid_sample(frames.fields, grid[:, None], align_corners=False, padding_mode="border")[
        :, 0, 0
    ]
    return (angle * depth.detach()).clamp(max=0.3).mean(1)


def _priors(body: TorchBody, poses: Poses, frames: Frames, w: FitWeights) -> Tensor:
    loss = w.joint_magnitude * (body.stiffness * poses.joints**2).sum(-1).sum(-1).mean()
    if body.one_way is not None:
        wrong = torch.relu(-body.one_way * poses.joints[..., 1])
        loss = loss + w.one_way * (wrong**2).sum(-1).mean()
    loss = loss + w.tilt * (poses.tilt**2).sum(-1).mean()
    if len(frames.step) == 0:
        return loss
    linked = torch.isfinite(frames.step)
    step = torch.where(linked, frames.step, 1.0)
    change = ((poses.joints[1:] - poses.joints[:-1]) ** 2).sum(-1).sum(-1) * (0.1 / step).clamp(max=1.0)
    change = change + 4.0 * ((poses.tilt[1:] - poses.tilt[:-1]) ** 2).sum(-1) * (0.1 / step).clamp(max=1.0)
    loss = loss + w.joint_motion * (change * linked).mean()
    if len(frames.step) < 2:
        return loss
    both = linked[1:] & linked[:-1]
    return (
        loss
        + _bend(poses.place, step, both, w.root_acceleration)
        + _bend(poses.yaw[:, None], step, both, w.yaw_acceleration)
    )


def _bend(values: Tensor, step: Tensor, both: Tensor, weight: float) -> Tensor:
    """Squared change of slope, per 0.1 s, of values (B, C)."""
    slope = (values[1:] - values[:-1]) / step[:, None] * 0.1
    change = (slope[1:] - slope[:-1]).square().sum(-1)
    return weight * (change * both).mean()


def _tensor(values: Array, device: str) -> Tensor:
    return torch.as_tensor(np.array(values, dtype=np.float32), device=device)
