"""How far estimated cameras are from the true ones. No alignment is fitted: the walkthrough fixes the frame."""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import geodesic_angle, inverse, project_to_so3, rigid

RECALLS = ((0.05, 5.0), (0.10, 5.0))


def camera_errors(estimated: Array, true: Array) -> dict[str, Array]:
    """Per frame (N,): rotation (deg), distance of camera centres (m) and of world-to-camera translations (m), which
    grows with the distance to the origin and is what some papers report."""
    rotation = np.degrees(geodesic_angle(estimated[:, :3, :3], true[:, :3, :3]))
    centre = np.linalg.norm(estimated[:, :3, 3] - true[:, :3, 3], axis=1)
    translation = np.linalg.norm(inverse(estimated)[:, :3, 3] - inverse(true)[:, :3, 3], axis=1)
    return {"rotation_deg": rotation, "centre_m": centre, "world_to_camera_m": translation}


def summarize(errors: dict[str, Array], registered: Array) -> dict[str, float | int | None]:
    """Mean and median over registered frames; recalls over ALL frames, a lost one counting as wrong."""
    count, kept = len(registered), int(registered.sum())
    summary: dict[str, float | int | None] = {"frames": count, "lost": count - kept}
    for name, values in errors.items():
        summary[f"{name}_mean"] = float(values[registered].mean()) if kept else None
        summary[f"{name}_median"] = float(np.median(values[registered])) if kept else None
    for metres, degrees in RECALLS:
        good = registered & (errors["centre_m"] < metres) & (errors["rotation_deg"] < degrees)
        summary[f"recall_{round(metres * 100)}cm_{round(degrees)}deg"] = float(good.mean()) if count else None
    return summary


def rigid_alignment(estimated: Array, true: Array) -> Array:
    """T (4,4) that moves estimated poses (N,4,4) onto true ones: for scan-free captures, on the anchor video alone."""
    rotation = project_to_so3((true[:, :3, :3] @ np.swapaxes(estimated[:, :3, :3], 1, 2)).mean(0))
    return rigid(rotation, (true[:, :3, 3] - estimated[:, :3, 3] @ rotation.T).mean(0))
