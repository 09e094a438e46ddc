"""What a user would write without this package: each frame by itself against the walkthrough, with other libraries.

SIFT landmarks on the walkthrough's depth are matched (ratio test) to every frame of every video; OpenCV and pycolmap
find the pose from the matches, and small_gicp moves the frame's depth onto the walkthrough's points from there. Nothing
of this package is used but the reading of captures.

pycolmap may live in another environment: this file, called as a script with the matches, needs only NumPy and it.

    python benchmarks/registration_peers.py MATCHES.npz POSES.npz
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Poses = dict[str, list["np.ndarray | None"]]
"""Per video the T_world_camera (4,4) of its frames, None where lost."""
FEWEST_INLIERS = 8
PIXELS = 4.0
RATIO = 0.8
MAP_FRAMES = 150
"""Of the walkthrough, as many as this package keeps keypoints of."""
FEATURES = 2000
CLOUD_VOXEL, REACH = 0.04, 0.25


@dataclass(frozen=True, eq=False)
class Matches:
    """One frame's matches with landmarks."""

    pixels: np.ndarray
    """(n, 2)."""
    points: np.ndarray
    """(n, 3) world."""


def landmark_matches(capture: Any) -> tuple[dict[str, list[Matches]], float]:
    """Matches of every frame of every video by its name, and the CPU seconds they took."""
    import cv2

    began = time.process_time()
    sift: Any = cv2.SIFT_create(FEATURES)  # type: ignore[attr-defined]
    scan = capture.walkthrough
    points, descriptors = [], []
    for i in np.unique(np.linspace(0, len(scan) - 1, MAP_FRAMES).astype(int)):
        spots, found = sift.detectAndCompute(cv2.cvtColor(scan.rgb(int(i)), cv2.COLOR_RGB2GRAY), None)
        local, known = lifted(np.array([spot.pt for spot in spots]).reshape(-1, 2), scan.depth(int(i)), scan.intrinsics)
        T = scan.T_world_camera[i]
        points.append(local[known] @ T[:3, :3].T + T[:3, 3])
        descriptors.append(found[known] if found is not None else np.zeros((0, 128), np.float32))
    # A tree: comparing each of 2,000 descriptors with 100,000 takes most of a minute a frame.
    matcher = cv2.FlannBasedMatcher({"algorithm": 1, "trees": 4}, {"checks": 64})
    matcher.add([np.concatenate(descriptors)])
    matcher.train()
    where = np.concatenate(points)
    out: dict[str, list[Matches]] = {}
    for video in capture.videos:
        out[video.name] = []
        for i in range(len(video)):
            mask = video.mask(i)
            allowed = None if mask is None else (~mask).astype(np.uint8) * 255
            spots, found = sift.detectAndCompute(cv2.cvtColor(video.rgb(i), cv2.COLOR_RGB2GRAY), allowed)
            pairs = matcher.knnMatch(found, k=2) if found is not None and len(found) > 1 else []
            good = [a for a, b in pairs if a.distance < RATIO * b.distance]
            pixels = np.array([spots[match.queryIdx].pt for match in good]).reshape(-1, 2)
            out[video.name].append(Matches(pixels, where[[match.trainIdx for match in good]].reshape(-1, 3)))
    return out, time.process_time() - began


def lifted(pixels: np.ndarray, depth: np.ndarray, camera: Any) -> tuple[np.ndarray, np.ndarray]:
    """Camera-frame points (n,3) of pixels (n,2), and which have depth (n,)."""
    column, row = np.rint(pixels).astype(int).T
    z = depth[np.clip(row, 0, depth.shape[0] - 1), np.clip(column, 0, depth.shape[1] - 1)].astype(np.float64)
    x, y = (pixels[:, 0] - camera.cx) / camera.fl_x * z, (pixels[:, 1] - camera.cy) / camera.fl_y * z
    return np.stack([x, y, z], axis=1), z > 0


def by_opencv(matches: Matches, camera: Any) -> np.ndarray | None:
    """T_world_camera (4,4) by PnP-RANSAC and refinement on its inliers."""
    import cv2

    if len(matches.pixels) < FEWEST_INLIERS:
        return None
    K = np.array([[camera.fl_x, 0, camera.cx], [0, camera.fl_y, camera.cy], [0, 0, 1.0]])
    cv2.setRNGSeed(0)
    found, turn, shift, inliers = cv2.solvePnPRansac(
        matches.points, matches.pixels, K, None, iterationsCount=2000, reprojectionError=PIXELS, confidence=0.999
    )
    if not found or inliers is None or len(inliers) < FEWEST_INLIERS:
        return None
    inside = inliers.ravel()
    turn, shift = cv2.solvePnPRefineLM(matches.points[inside], matches.pixels[inside], K, None, turn, shift)
    return world_from(cv2.Rodrigues(turn)[0], shift.ravel())


def world_from(rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """T_world_camera (4,4) from the world-to-camera motion."""
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = rotation.T, -rotation.T @ translation
    return T


def by_gicp(capture: Any, starts: Poses) -> Poses:
    """Frames' depth moved onto the walkthrough's points by small_gicp, from given poses."""
    import small_gicp

    scan = capture.walkthrough
    cloud = []
    for i in np.unique(np.linspace(0, len(scan) - 1, MAP_FRAMES).astype(int)):
        T = scan.T_world_camera[i]
        cloud.append(_depth_points(scan, int(i), None) @ T[:3, :3].T + T[:3, 3])
    target, tree = small_gicp.preprocess_points(np.concatenate(cloud), CLOUD_VOXEL)
    out: Poses = {}
    for video in capture.videos:
        out[video.name] = []
        for i, start in enumerate(starts[video.name]):
            if start is None:
                out[video.name].append(None)
                continue
            source, _ = small_gicp.preprocess_points(_depth_points(video, i, video.mask(i)), CLOUD_VOXEL)
            result = small_gicp.align(target, source, tree, start, max_correspondence_distance=REACH)
            out[video.name].append(np.asarray(result.T_target_source))
    return out


def _depth_points(video: Any, index: int, mask: np.ndarray | None) -> np.ndarray:
    depth = video.depth(index)
    row, column = np.nonzero((depth > 0.2) & (depth < 6.0) & (True if mask is None else ~mask))
    points, _ = lifted(np.stack([column, row], axis=1).astype(np.float64)[::4], depth, video.intrinsics)
    return points


def by_pycolmap(python: str, capture: Any, matches: dict[str, list[Matches]], scratch: Path) -> tuple[Poses, float]:
    """pycolmap's absolute pose (RANSAC and refinement) of all frames, run by another interpreter; and CPU seconds."""
    job: dict[str, np.ndarray] = {}
    for video in capture.videos:
        c = video.intrinsics
        job[f"{video.name}/camera"] = np.array([c.fl_x, c.fl_y, c.cx, c.cy, c.width, c.height])
        for i, one in enumerate(matches[video.name]):
            job[f"{video.name}/{i}/pixels"], job[f"{video.name}/{i}/points"] = one.pixels, one.points
    given, taken = scratch / "matches.npz", scratch / "poses.npz"
    np.savez(given, **job)  # type: ignore[arg-type]
    subprocess.run([python, __file__, str(given), str(taken)], check=True)
    found = np.load(taken)
    poses = {video.name: [found.get(f"{video.name}/{i}") for i in range(len(video))] for video in capture.videos}
    return poses, float(found["cpu_s"])


def solve(given: Path, taken: Path) -> None:
    """The other interpreter's part."""
    import pycolmap  # type: ignore[import-not-found]

    job = np.load(given)
    out: dict[str, Any] = {}
    began = time.process_time()
    options = pycolmap.AbsolutePoseEstimationOptions()
    options.ransac.max_error = PIXELS
    options.ransac.random_seed = 0
    for key in sorted(name[: -len("/pixels")] for name in job.files if name.endswith("/pixels")):
        fl_x, fl_y, cx, cy, width, height = job[f"{key.split('/')[0]}/camera"]
        # COLMAP's first pixel has its centre at 0.5.
        camera = pycolmap.Camera(
            model="PINHOLE", width=int(width), height=int(height), params=[fl_x, fl_y, cx + 0.5, cy + 0.5]
        )
        pixels, points = job[f"{key}/pixels"] + 0.5, job[f"{key}/points"]
        if len(pixels) < FEWEST_INLIERS:
            continue
        answer = pycolmap.estimate_and_refine_absolute_pose(pixels, points, camera, options)
        if answer is not None and answer["num_inliers"] >= FEWEST_INLIERS:
            motion = np.asarray(answer["cam_from_world"].matrix())
            out[key] = world_from(motion[:, :3], motion[:, 3])
    np.savez(taken, cpu_s=time.process_time() - began, **out)


if __name__ == "__main__":
    solve(Path(sys.argv[1]), Path(sys.argv[2]))
