"""Pictures that a texture is made of, and what each shows of a surface."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import inverse
from ats_sim.reconstruction.thinning import evenly

if TYPE_CHECKING:
    from ats_sim.reconstruction.capture.format import Capture, Video
    from ats_sim.reconstruction.registration.cameras import Cameras

LEAST_CONFIDENCE = 0.5
VIDEO_WEIGHT = 0.5
"""The walkthrough shows the home without the agent and its shadow, so other videos stand back."""
CANDIDATES = 240
"""Most frames looked at, of the walkthrough and again of all videos."""
NEAREST, FARTHEST = 0.25, 5.5
OFF_SURFACE, OFF_SURFACE_PER_METRE = 0.03, 0.01
"""How far a point may lie from a picture's own depth and still be what it shows."""
LEAST_COSINE = 0.12
FEATHER = 0.04
"""Share of the picture's width over which a view fades out where it ends or is unsure."""
PINHOLE = 5
"""Sensors leave gaps in rings and dots: those narrower than this are closed, pixels."""


@dataclass(frozen=True, eq=False)
class View:
    """One frame that may be projected onto the scene."""

    video: Video
    """Where the picture is."""
    index: int
    """Which frame."""
    T_world_camera: Array
    """(4, 4) OpenCV axes, the frame of the mesh to be painted."""
    weight: float = 1.0
    """How much it counts."""
    use_mask: bool = True
    """Leave out the agent's pixels where the recording marks them."""

    def moved(self, transform: Array) -> View:
        """The view from a frame into which `transform` (4, 4) takes its own."""
        return replace(self, T_world_camera=transform @ self.T_world_camera)

    def picture(self) -> Picture:
        """Read the frame."""
        from ats_sim.reconstruction.registration.observation import reliable

        rgb, depth = self.video.rgb(self.index), without_pinholes(self.video.depth(self.index))
        sure = reliable(depth, self.video.mask(self.index) if self.use_mask else None)
        return Picture(self, rgb, np.where(sure, depth, np.float32(0)), _inwards(sure))


@dataclass(frozen=True, eq=False)
class Picture:
    """A frame's pixels."""

    view: View
    """Where it was taken."""
    rgb: Array
    """(H, W, 3) uint8."""
    depth: Array
    """(H, W) float32 metres, 0 where unknown, unsure or the agent."""
    fade: Array
    """(H, W) float32 0..1, rising from the picture's rim and from the edges of things inwards."""

    def sees(self, points: Array, normals: Array) -> tuple[Array, Array, Array]:
        """Which of N surface points (N, 3) with unit normals (N, 3) it shows, and how well.

        Returns:
            Indices (M,), their pixels (M, 2) float32 as (u, v), and scores (M,): pixels per metre of surface times the
            view's weight, faded where the picture ends or is unsure.
        """
        lens = self.view.video.intrinsics
        T = inverse(self.view.T_world_camera).astype(np.float32)
        local = points @ T[:3, :3].T + T[:3, 3]
        index = np.flatnonzero((local[:, 2] > NEAREST) & (local[:, 2] < FARTHEST))
        local = local[index]
        z = local[:, 2]
        u = local[:, 0] / z * np.float32(lens.fl_x) + np.float32(lens.cx)
        v = local[:, 1] / z * np.float32(lens.fl_y) + np.float32(lens.cy)
        keep = (u > 0) & (v > 0) & (u < lens.width - 1) & (v < lens.height - 1)
        index, u, v, z = index[keep], u[keep], v[keep], z[keep]
        towards = self.view.T_world_camera[:3, 3].astype(np.float32) - points[index]
        distance = np.sqrt(np.einsum("nk,nk->n", towards, towards))
        cosine = np.einsum("nk,nk->n", towards, normals[index]) / distance
        measured, fade = self._depth_at(u, v)
        keep = (cosine > LEAST_COSINE) & (fade > 0) & (np.abs(measured - z) < OFF_SURFACE + OFF_SURFACE_PER_METRE * z)
        density = np.float32(lens.fl_x) * cosine[keep] / distance[keep]
        score = density * fade[keep] * np.float32(self.view.weight)
        return index[keep], np.stack([u[keep], v[keep]], axis=1), score

    def colors(self, pixels: Array) -> Array:
        """Colours (M, 3) uint8 at pixels (M, 2), bicubic so that they stay sharp."""
        import cv2

        count, columns = len(pixels), 8192
        rows = -(-count // columns)
        if not count:
            return np.zeros((0, 3), np.uint8)
        grid = np.zeros((rows * columns, 2), dtype=np.float32)
        grid[:count] = pixels
        sampled = cv2.remap(
            self.rgb, grid.reshape(rows, columns, 2), None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(sampled.reshape(-1, 3)[:count])

    def evened(self, gain: Array) -> Picture:
        """The picture with its exposure taken out: a coarse map (h, w, 3) of factors."""
        import cv2

        smooth = cv2.resize(gain.astype(np.float32), self.rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        return replace(self, rgb=np.clip(self.rgb / smooth + 0.5, 0, 255).astype(np.uint8))

    def crispness(self) -> float:
        """Mean strength of the finest detail, grey levels; compare it only with pictures of much the same things."""
        import cv2

        return float(np.abs(cv2.Laplacian(cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY), cv2.CV_32F)).mean())

    def _depth_at(self, u: Array, v: Array) -> tuple[Array, Array]:
        """Depth (M,) between the four pixels around and the fade (M,), 0 where one of them is not sure."""
        width = self.depth.shape[1]
        left, top = u.astype(np.int32), v.astype(np.int32)
        corner = top * width + left
        flat = self.depth.ravel()
        a, b, c, d = (flat[np.minimum(corner + step, flat.size - 1)] for step in (0, 1, width, width + 1))
        x, y = u - left, v - top
        depth = (a * (1 - x) + b * x) * (1 - y) + (c * (1 - x) + d * x) * y
        sure = (a > 0) & (b > 0) & (c > 0) & (d > 0)
        nearest = np.rint(v).astype(np.int32) * width + np.rint(u).astype(np.int32)
        return depth, np.where(sure, self.fade.ravel()[nearest], 0)


def capture_views(capture: Capture, cameras: Cameras, *, use_masks: bool = True) -> list[View]:
    """Views in the scene's frame: the walkthrough, and of the accepted videos the frames whose cameras are sure. No
    held-out frame is among them."""
    from ats_sim.reconstruction.scene.fusion import held_out

    views: list[View] = []
    scan = capture.walkthrough
    if scan is not None and scan.T_world_camera is not None:
        indices = np.flatnonzero(~held_out(np.arange(len(scan))))
        views += [View(scan, int(i), scan.T_world_camera[i]) for i in indices[evenly(len(indices), CANDIDATES)]]
    accepted = [video for video in capture.videos if video.name in cameras.accepted()]
    weight = VIDEO_WEIGHT if views else 1.0
    for video in accepted:
        found = cameras.videos[video.name]
        sure = found.registered & (found.confidence >= LEAST_CONFIDENCE) & ~held_out(np.arange(len(video)))
        usable = np.flatnonzero(sure)
        for i in usable[evenly(len(usable), max(1, CANDIDATES // len(accepted)))]:
            views.append(View(video, int(i), found.T_world_camera[i], weight, use_masks))
    return views


def without_pinholes(depth: Array) -> Array:
    """Depth (H, W) whose small gaps (0) have the mean of what is around them; wide gaps stay."""
    import cv2

    known = (depth > 0).astype(np.float32)
    share = cv2.blur(known, (PINHOLE, PINHOLE))
    around = cv2.blur(depth, (PINHOLE, PINHOLE)) / np.maximum(share, 1e-6)
    return np.asarray(np.where((known == 0) & (share > 0.4), around, depth), dtype=np.float32)


def _inwards(sure: Array) -> Array:
    """(H, W) float32: 0 at unsure pixels and outside the picture, 1 a feather's width away from both."""
    import cv2

    away = cv2.distanceTransform(np.pad(sure, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    return np.asarray(np.minimum(1.0, away / max(1.0, FEATHER * sure.shape[1])), dtype=np.float32)
