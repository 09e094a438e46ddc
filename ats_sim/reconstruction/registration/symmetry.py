"""Motions that lay a map onto itself: in a home with such a symmetry every video fits in more than one place.

A video whose keypoints are sure of one place is not searched for anywhere else, and in a symmetric room they are sure
for no good reason: of two equal corners, the one the walkthrough happened to see from nearby looks more alike.
"""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import geodesic_angle
from ats_sim.reconstruction.registration.geometric_search import search, surface_cloud
from ats_sim.reconstruction.scene.tsdf import TsdfVolume
from ats_sim.reconstruction.thinning import evenly

MOST_POINTS = 8000
SAME_POSITION, SAME_ROTATION = 0.5, np.radians(10.0)


def symmetries(volume: TsdfVolume) -> tuple[Array, ...]:
    """At most two motions (4,4), identity left out, that come nearest to laying the map's surface onto itself. They are
    candidates: in most homes what they map a video to does not fit at all."""
    cloud = surface_cloud(volume)
    if not len(cloud):
        return ()
    thin = cloud[evenly(len(cloud), MOST_POINTS)]
    found = search(volume, thin[None], np.eye(4)[None])
    middle = thin.mean(0)
    return tuple(
        T
        for T in found
        if np.linalg.norm(T[:3, :3] @ middle + T[:3, 3] - middle) > SAME_POSITION
        or geodesic_angle(np.eye(3), T[:3, :3]) > SAME_ROTATION
    )
