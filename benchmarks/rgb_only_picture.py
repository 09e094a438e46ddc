"""What of a clip without depth came out, as one picture: three frames with outlines, and the room from above."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import inverse, transform_points
from benchmarks.rgb_only_agent import Cards, Fitted

SHOWN = 4
SIDE = 480
GIVEN, FOUND, CAMERA, ANIMAL = (255, 220, 0), (0, 220, 255), (220, 30, 30), (0, 120, 0)


def draw(path: Path, pictures: list[Array], cards: Cards, points: Array, body: Fitted | None) -> None:
    """Write it: masks yellow, the fitted body blue, points of the floor white; cameras red, the animal green."""
    import cv2

    frames = []
    for index in np.linspace(0, len(pictures) - 1, SHOWN + 2).astype(int)[1:-1].tolist():
        picture = pictures[index].copy()
        _mark_floor(picture, cards, points, index)
        if index in cards.masks:
            _outline(picture, cards.masks[index], GIVEN)
            if body is not None:
                _outline(picture, body.outline(cards, index), FOUND)
        frames.append(cv2.resize(picture, (round(SIDE * picture.shape[1] / picture.shape[0]), SIDE)))
    half = SHOWN // 2
    rows = np.vstack([np.hstack(frames[:half]), np.hstack(frames[half:])])
    whole = np.hstack([rows, _from_above(cards, points, len(rows))])
    cv2.imwrite(str(path), whole[..., ::-1])


def _outline(picture: Array, mask: Array, color: tuple[int, int, int]) -> None:
    import cv2

    edges, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, edges, -1, color, 2)


def _mark_floor(picture: Array, cards: Cards, points: Array, index: int) -> None:
    import cv2

    u, v, z = cards.intrinsics.project(transform_points(inverse(cards.cameras[index]), points))
    shown = (z > 0) & (np.abs(u) < 1e4) & (np.abs(v) < 1e4)
    for x, y, height in zip(u[shown], v[shown], points[shown, 2], strict=True):
        cv2.circle(picture, (round(x), round(y)), 1, (255, 255, 255) if abs(height) < 0.03 else (255, 0, 255), -1)


def _from_above(cards: Cards, points: Array, side: int) -> Array:
    """Plan: points grey (dark where high), cameras red, where masks touch the floor green; a bar of one metre."""
    import cv2

    plan = np.full((side, side, 3), 255, np.uint8)
    feet = cards.places[np.isfinite(cards.places[:, 0])]
    low, high = np.percentile(np.concatenate([points, cards.cameras[:, :3, 3]])[:, :2], [3, 97], axis=0)
    pitch = 1.1 * float((high - low).max()) / side
    middle = 0.5 * (low + high)

    def dot(place: Array, color: tuple[int, int, int], size: int) -> None:
        x, y = (place[:2] - middle) / pitch * [1, -1] + side / 2
        if abs(x) < 1e5 and abs(y) < 1e5:
            cv2.circle(plan, (round(x), round(y)), size, color, -1)

    for point in points:
        dot(point, (200, 200, 200) if abs(point[2]) < 0.03 else (90, 90, 90), 1)
    for camera in cards.cameras:
        dot(camera[:3, 3], CAMERA, 4)
    for place in feet:
        dot(place, ANIMAL, 4)
    cv2.line(plan, (20, side - 20), (20 + round(1.0 / pitch), side - 20), (0, 0, 0), 3)
    return plan
