"""The neural localizer: coordinates of the home for every cell of a picture, then a pose that most of them agree with.

With depth the pose is the rigid motion between seen and predicted points; without, the camera that projects predicted
points onto their cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy.cluster.vq import kmeans2
from torch import Tensor, nn

from ats_sim.arrays import Array
from ats_sim.geometry import rigid
from ats_sim.reconstruction.registration.localizer import locate
from ats_sim.reconstruction.registration.neural.batches import Batch, sure_depth, up_in_camera
from ats_sim.reconstruction.registration.neural.channels import channels
from ats_sim.reconstruction.registration.neural.coordinate_network import CoordinateNetwork, mixture_loss
from ats_sim.reconstruction.registration.neural.encoder import STRIDE
from ats_sim.reconstruction.registration.neural.frame_poses import FramePoses
from ats_sim.reconstruction.registration.neural.kabsch_ransac import fit_rigid
from ats_sim.reconstruction.registration.neural.learner import one_thread
from ats_sim.reconstruction.registration.neural.relighting import on_device, shown
from ats_sim.reconstruction.registration.neural.rig import Matches, place_by_depth, place_by_projection
from ats_sim.reconstruction.registration.neural.view import View

MODES = 2
LEAST_PROBABILITY = 0.1
PIXEL_ERROR = 0.05
"""Of the focal length: what a coordinate that is 15 cm off shifts at 3 m."""
TYPICAL_SCALE = 0.1
SUREST = 0.6
"""Share of the matches that a single frame without depth is placed by."""
FEWEST_DEEP, LEAST_DEEP = 8, 0.15
"""Matches with depth, and their share, from which on depth is relied on."""


def scene_anchors(points: Array, count: int, seed: int) -> Array:
    """At most `count` points (K,3) spread over where surfaces (n,3) are, by k-means."""
    rng = np.random.default_rng(seed)
    few = points[rng.choice(len(points), size=min(len(points), 20_000), replace=False)].astype(np.float64)
    centres, label = kmeans2(few, min(count, len(few)), minit="++", rng=rng)
    return np.asarray(centres[np.unique(label)])


def coordinate_loss(network: nn.Module, batch: Batch, rays: Tensor, geometry: bool, device: str) -> Tensor:
    """Mixture likelihood of a batch."""
    log_probability, point, log_scale = network(channels(on_device(batch.pictures, device), rays, geometry=geometry))
    return mixture_loss(log_probability, point, log_scale, batch.target.to(device), batch.valid.to(device))


class SceneCoordinates:
    """A trained network that localises single frames."""

    teacher: Callable[[Sequence[View], Array], None] | None = None
    """Trains the network further, where it was trained in this process."""

    def __init__(self, network: CoordinateNetwork, geometry: bool, device: str, seed: int) -> None:
        self.network, self._geometry, self._device, self._seed = network, geometry, device, seed
        self.calibration = (1.0, 0.0)
        """Slope and shift of the logit of a pose being right, over its share of agreeing matches."""

    def locate_frames(self, views: Sequence[View], T_odometry_camera: Array | None) -> FramePoses:
        """Poses of the views; odometry (N,4,4), where given, has z up."""
        found = []
        for i, view in enumerate(views):
            up = None if T_odometry_camera is None else up_in_camera(T_odometry_camera[i])
            pose = self.locate(view, up)
            if pose is not None:
                found.append((i, *pose))
        return FramePoses.of(found)

    def study(self, views: Sequence[View], T_world_camera: Array) -> None:
        """Learn from further frames of known cameras (N,4,4)."""
        if self.teacher is not None and len(views):
            self.teacher(views, T_world_camera)

    def locate(self, view: View, up: Array | None) -> tuple[Array, float] | None:
        """Pose (4,4) of one view and the probability that it is right; `up` (3,) is the vertical in camera axes."""
        found = self.estimate(view, up)
        return None if found is None else (found[0], self.probability(found[1]))

    def estimate(self, view: View, up: Array | None) -> tuple[Array, float] | None:
        """Pose (4,4) of one view and the share of matches that agree with it."""
        matches = self.matches(view, up)
        rng = np.random.default_rng([self._seed, len(matches.weights)])
        if _deep_enough([matches]):
            return _by_depth(matches.only(matches.deep), up, rng)
        return _by_projection(matches, view, self._seed)

    def place_video(
        self, views: Sequence[View], T_odometry_camera: Array, *, level: bool
    ) -> tuple[Array, float] | None:
        """T_world_odometry (4,4) from the matches of all views together, and the share that agrees; `level` says that
        the odometry's z is up."""
        ups = up_in_camera(T_odometry_camera) if level else [None] * len(views)
        matches = [self.matches(view, up) for view, up in zip(views, ups, strict=True)]
        if _deep_enough(matches):
            rng = np.random.default_rng([self._seed, len(views)])
            return place_by_depth(matches, T_odometry_camera, level=level, rng=rng)
        cameras = [view.intrinsics for view in views]
        error = PIXEL_ERROR * cameras[0].fl_x
        return place_by_projection(matches, T_odometry_camera, cameras, pixel_error=error, seed=self._seed)

    def probability(self, share: float) -> float:
        """That a pose with this share of agreeing matches is right."""
        slope, shift = self.calibration
        return float(1.0 / (1.0 + np.exp(-(slope * share + shift))))

    def matches(self, view: View, up: Array | None) -> Matches:
        """Cells and their most probable coordinates, agent left out."""
        rays = torch.from_numpy(view.intrinsics.rays().astype(np.float32)).permute(2, 0, 1).to(self._device)
        with one_thread(), torch.inference_mode():
            given = channels(on_device(shown(view, up), self._device), rays, geometry=self._geometry)
            log_probability, point, log_scale = (part[0].cpu().numpy() for part in self.network(given))
        return _strongest(view, log_probability, point, log_scale)


def _strongest(view: View, log_probability: Array, point: Array, log_scale: Array) -> Matches:
    order = np.argsort(-log_probability, axis=0)[:MODES]
    probability = np.exp(np.take_along_axis(log_probability, order, 0))
    scale = np.exp(np.take_along_axis(log_scale, order, 0))
    world = np.take_along_axis(point, order[:, None], 0)
    height, width = probability.shape[1:]
    rows, columns = np.mgrid[0:height, 0:width] * STRIDE
    sure = sure_depth(view.depth, view.hidden)
    local = (view.intrinsics.rays() * np.where(sure, view.depth, np.nan)[..., None])[::STRIDE, ::STRIDE]
    usable = (probability > LEAST_PROBABILITY) & ~view.hidden[::STRIDE, ::STRIDE]
    mode, row, column = np.nonzero(usable)
    return Matches(
        np.column_stack([columns[row, column], rows[row, column]]).astype(np.float64),
        local[row, column],
        np.moveaxis(world, 1, -1)[mode, row, column].astype(np.float64),
        (probability[mode, row, column] / (TYPICAL_SCALE + scale[mode, row, column])).astype(np.float64),
    )


def _deep_enough(matches: Sequence[Matches]) -> bool:
    """Whether so many matches have depth that those without can be left out."""
    deep, total = sum(int(m.deep.sum()) for m in matches), sum(len(m.weights) for m in matches)
    return deep >= max(FEWEST_DEEP, LEAST_DEEP * total)


def _by_depth(matches: Matches, up: Array | None, rng: np.random.Generator) -> tuple[Array, float] | None:
    levelled = rigid(levelling(up), np.zeros(3)) if up is not None else np.eye(4)
    source = matches.points_camera @ levelled[:3, :3].T
    fit = fit_rigid(source, matches.points_world, matches.weights, rng=rng, level=up is not None)
    return None if fit is None else (fit.transform @ levelled, fit.share)


def _by_projection(matches: Matches, view: View, seed: int) -> tuple[Array, float] | None:
    # Weights cannot be given to the solver, so that what is least sure is left out instead.
    kept = matches.surest(int(SUREST * len(matches.weights)))
    error = PIXEL_ERROR * view.intrinsics.fl_x
    found = locate(kept.pixels, kept.points_world, view.intrinsics, seed=seed, pixel_error=error)
    if found is None:
        return None
    return found.T_world_camera, float(kept.weights[found.inliers].sum() / kept.weights.sum())


def levelling(up: Array) -> Array:
    """The rotation (3,3) that turns camera axes so that z is up and the view goes along a horizontal x."""
    ahead = np.array([0.0, 0.0, 1.0])
    level = ahead - up * (up @ ahead)
    if np.linalg.norm(level) < 1e-3:
        level = np.array([0.0, -1.0, 0.0]) - up * (up @ np.array([0.0, -1.0, 0.0]))
    x = level / np.linalg.norm(level)
    return np.stack([x, np.cross(up, x), up])
