"""Models of a clip by structure from motion, made by another interpreter: its cameras, lens and sparse points."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import inverse
from benchmarks.rgb_only_clips import Clip
from benchmarks.rgb_only_places import apart

RIM = 9
"""Pixels around the animal that are not matched either."""


def solved(python: str, clip: Clip, folder: Path, without_animal: bool) -> dict[str, Array]:
    """The largest model of structure from motion; one that lies there is kept."""
    import cv2

    taken = folder / "model.npz"
    if taken.exists():
        return dict(np.load(taken))
    rim = np.ones((RIM, RIM), np.uint8)
    for kind in ("images", "masks") if without_animal else ("images",):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for i, picture in enumerate(clip.pictures):
        cv2.imwrite(str(folder / "images" / f"{i:05d}.png"), picture[..., ::-1])
        if without_animal and clip.masks is not None:
            allowed = 255 - 255 * cv2.dilate(clip.masks[i].astype(np.uint8), rim)
            cv2.imwrite(str(folder / "masks" / f"{i:05d}.png.png"), allowed)
    script = Path(__file__).with_name("rgb_only_sfm.py")
    with (folder / "log.txt").open("w") as log:
        subprocess.run([python, str(script), str(folder), str(taken)], check=True, stderr=log)
    return dict(np.load(taken))


def poses(model: dict[str, Array]) -> Array:
    """(K, 4, 4) camera to world."""
    whole = np.tile(np.eye(4), (len(model["frames"]), 1, 1))
    whole[:, :3] = model["world_to_camera"]
    return inverse(whole)


def differ(whole: dict[str, Array], without: dict[str, Array]) -> list[float]:
    """Between the cameras of two models: median gap as a share of how far they spread, and median angle in degrees."""
    if "frames" not in whole or "frames" not in without:
        return []
    common = np.intersect1d(whole["frames"], without["frames"])
    first, second = (poses(one)[np.isin(one["frames"], common)] for one in (whole, without))
    gap, angle, _ = apart(first, second)
    return [gap / float(np.linalg.norm(np.ptp(second[:, :3, 3], axis=0))), angle]
