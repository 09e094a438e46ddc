"""How somebody films an empty home: through every room, turning around in each, looking up and down on the way."""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.capture.synthesis.filming.hand import Hand
from ats_sim.reconstruction.capture.synthesis.home.layout import HomeLayout

_EYE = 1.4
_PACE = 0.7
_TURN = 5.0
_STOP_SPACING = 2.6


def walkthrough_poses(layout: HomeLayout, rng: np.random.Generator, times: Array) -> Array:
    """Camera poses (N, 4, 4) at times (N,): the whole tour, walked faster where the time is short."""
    stops = _order(layout, _stops(layout, rng))
    legs = [layout.walk.plan(a, b) for a, b in zip(stops[:-1], stops[1:], strict=True)]
    clock, xy, yaw = _timeline(stops, legs, rng)
    share = (times - times[0]) / max(times[-1] - times[0], 1e-9) * clock[-1]
    position = np.stack([np.interp(share, clock, xy[:, k]) for k in range(2)], -1)
    heading = _smooth(np.interp(share, clock, yaw), times)
    pitch = np.deg2rad(-22 + 17 * np.sin(2 * np.pi * times / 3.7) + 7 * np.sin(2 * np.pi * times / 1.9))
    hand = Hand(rng, steadiness=0.8)
    poses = []
    for k, (x, y) in enumerate(position):
        eye = np.array([x, y, _EYE])
        ahead = np.array(
            [np.cos(heading[k]) * np.cos(pitch[k]), np.sin(heading[k]) * np.cos(pitch[k]), np.sin(pitch[k])]
        )
        dt = float(times[k] - times[k - 1]) if k else 0.1
        speed = float(np.linalg.norm(position[k] - position[k - 1])) / dt if k else 0.0
        poses.append(hand.hold(eye, eye + ahead, min(speed, 1.0), dt))
    return np.stack(poses)


def _stops(layout: HomeLayout, rng: np.random.Generator) -> list[Array]:
    """One to three well spread free points per room, away from obstacles."""
    walk = layout.walk
    clearance = walk.clearance()
    stops = []
    for room in layout.rooms:
        cells = np.argwhere(walk.free)
        points = walk.to_world(cells)
        x0, y0, x1, y1 = room.bounds
        inside = (points[:, 0] > x0) & (points[:, 0] < x1) & (points[:, 1] > y0) & (points[:, 1] < y1)
        points, room_here = points[inside], clearance[tuple(cells[inside].T)]
        if not len(points):
            continue
        chosen = [points[np.argmax(room_here + rng.uniform(0, 0.1, len(points)))]]
        for _ in range(2):
            gap = np.min([np.linalg.norm(points - stop, axis=1) for stop in chosen], axis=0) + 0.8 * np.minimum(
                room_here, 0.5
            )
            best = int(np.argmax(gap))
            if gap[best] > _STOP_SPACING * 0.75:
                chosen.append(points[best])
        stops += chosen
    return stops


def _order(layout: HomeLayout, stops: list[Array]) -> list[Array]:
    """Nearest next stop first, measured along the floor."""
    left = list(range(1, len(stops)))
    order = [0]
    while left:
        here = stops[order[-1]]
        lengths = [np.linalg.norm(np.diff(layout.walk.plan(here, stops[k]), axis=0), axis=1).sum() for k in left]
        order.append(left.pop(int(np.argmin(lengths))))
    return [stops[k] for k in order] + [stops[0]]


def _timeline(stops: list[Array], legs: list[Array], rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Times, positions and headings of the tour; the heading keeps counting through whole turns."""
    clock, points, headings = [0.0], [stops[0]], [float(rng.uniform(0, 6.28))]

    def go(seconds: float, point: Array, heading: float) -> None:
        clock.append(clock[-1] + seconds)
        points.append(point)
        headings.append(heading)

    for leg in legs:
        side = 1.0 if rng.random() < 0.5 else -1.0
        go(_TURN, leg[0], headings[-1] + side * 2 * np.pi)
        for a, b in zip(leg[:-1], leg[1:], strict=True):
            length = float(np.linalg.norm(b - a))
            if length < 1e-6:
                continue
            ahead = float(np.arctan2(b[1] - a[1], b[0] - a[0])) + float(rng.uniform(-0.7, 0.7))
            turn = float(np.angle(np.exp(1j * (ahead - headings[-1]))))
            go(abs(turn) / 1.6 + 0.05, a, headings[-1] + turn)
            go(length / _PACE, b, headings[-1] + float(rng.uniform(-0.5, 0.5)))
    return np.array(clock), np.array(points), np.array(headings)


def _smooth(heading: Array, times: Array) -> Array:
    width = max(1, int(0.5 / max(float(np.median(np.diff(times))), 1e-3))) if len(times) > 2 else 1
    padded = np.pad(heading, (width, width), mode="edge")
    kernel = np.hanning(2 * width + 3)[1:-1]
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")[: len(heading)]
