"""Films without depth, as far as they go: cameras by structure from motion, a floor, a size, the animal's silhouettes.

    python -m benchmarks.rgb_only CLIP [CLIP ...] --pycolmap PYTHON --output OUT
        [--masks NETWORK.onnx] [--camera-height METRES | --walked METRES | --metres-per-unit SCALE]

CLIP is a film, or a video's folder in a capture, of which the colours are read, the masks if there are any, and the
true cameras to compare with. NETWORK cuts out what is salient (U2-Net: 320 x 320 in, its likelihood out); without it
films have no masks. PYTHON is an interpreter with pycolmap. What is not said of the size is taken to be a camera held
1.4 m above the floor. OUT gets a picture a clip, and all numbers as JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.capture.importing.recording import Lens, straight_lens
from ats_sim.reconstruction.capture.importing.straight import straightened
from benchmarks.rgb_only_agent import Cards, fitted
from benchmarks.rgb_only_clips import Clip, read_clip
from benchmarks.rgb_only_models import differ, poses, solved
from benchmarks.rgb_only_picture import draw
from benchmarks.rgb_only_places import apart, floor_plane, levelled, metres_per_unit, similarity, widest_angles
from benchmarks.rgb_only_rows import ANIMAL, CAMERAS, animal_row, camera_row

HELD = 1.4
"""Metres above the floor at which people are taken to hold a phone, where they say nothing."""
FEWEST_PIXELS = 50
"""Of a mask, to be one."""
Numbers = dict[str, Any]


def main() -> None:
    """Print two tables with a row a clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--pycolmap", required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--masks", type=Path)
    size = parser.add_mutually_exclusive_group()
    for option in ("--camera-height", "--walked", "--metres-per-unit"):
        size.add_argument(option, type=float)
    options = parser.parse_args()
    rows: dict[str, list[str]] = {CAMERAS: [], ANIMAL: []}
    for source in options.clips:
        clip = read_clip(source, options.masks)
        numbers = measured(clip, options, options.output / clip.name)
        (options.output / f"{clip.name}.json").write_text(json.dumps(numbers, indent=1))
        rows[CAMERAS].append(camera_row(clip.name, numbers))
        rows[ANIMAL].append(animal_row(clip.name, numbers))
    print("\n\n".join("\n".join([head, *lines]) for head, lines in rows.items()))


def measured(clip: Clip, options: argparse.Namespace, folder: Path) -> Numbers:
    """Everything, of one clip; writes its picture."""
    whole = solved(options.pycolmap, clip, folder / "everything", False)
    numbers: Numbers = {"pictures": len(clip.pictures), "everything": told(clip, whole)}
    model = whole
    if clip.masks is not None:
        model = solved(options.pycolmap, clip, folder / "without", True)
        numbers["without animal"] = told(clip, model) | {"differs": differ(whole, model)}
    if "frames" not in model:
        return numbers
    cameras = poses(model)
    floor = floor_plane(model["points"], cameras, np.random.default_rng(0))
    if floor is None:
        return numbers | {"floor": "none found"}
    normal, height, share = floor
    roll = np.degrees(np.arcsin(np.abs(cameras[:, :3, 0] @ normal)))
    held = options.camera_height or (None if options.walked else HELD)
    by = options.metres_per_unit or metres_per_unit(cameras, normal, height, camera_height=held, walked=options.walked)
    points, placed = levelled(model["points"], cameras, normal, height, by)
    numbers["floor"] = {"points on it": share, "median roll °": float(np.median(roll))}
    numbers["metres"] = {
        "camera height": np.percentile(placed[:, 2, 3], [5, 50, 95]).tolist(),
        "walked": float(np.linalg.norm(np.diff(placed[:, :3, 3], axis=0), axis=1).sum()),
    }
    if clip.true is not None:
        true = clip.true[model["frames"]]
        tilt = true[:, :3, :3] @ np.swapaxes(placed[:, :3, :3], 1, 2)
        up = np.degrees(np.arccos(np.clip(tilt[:, 2, 2], -1, 1)))
        numbers["true"] = {"up off °": float(np.median(up)), "true / said size": apart(placed, true)[2]}
    numbers["animal"] = animal(clip, model, points, placed, folder.with_suffix(".png"))
    return numbers


def told(clip: Clip, model: dict[str, Array]) -> Numbers:
    """What a model is like."""
    out: Numbers = {"models": model["models"].tolist(), "cpu s": float(model["cpu_s"])}
    if "frames" not in model:
        return out
    cameras, seen, points = poses(model), model["seen"], model["points"]
    focal, width, height = float(model["lens"][0]), *model["size"]
    away = np.linalg.norm(points - np.median(cameras[:, :3, 3], axis=0), axis=1)
    out |= {
        "points": len(points),
        "reprojection px": float(np.average(model["errors"], weights=np.bincount(seen[:, 1].astype(int)))),
        "field of view °": float(np.degrees(2 * np.arctan(0.5 * max(width, height) / focal))),
        "median angle °": float(np.median(widest_angles(points, cameras[:, :3, 3], seen[:, :2]))),
        "path / distance": float(np.linalg.norm(np.ptp(cameras[:, :3, 3], axis=0)) / np.median(away)),
    }
    if clip.masks is not None:
        frame, _, column, row = np.rint(seen).astype(int).T
        row, column = np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)
        masks = np.array([clip.masks[int(i)] for i in model["frames"]])
        out["sightings on the animal"] = float(masks[frame, row, column].mean())
        out["pixels on the animal"] = float(masks.mean())
    if clip.true is not None:
        gap, turn, scale = apart(cameras, clip.true[model["frames"]])
        out |= {"centres off m": gap, "turned off °": turn}
    return out


def animal(clip: Clip, model: dict[str, Array], points: Array, placed: Array, picture: Path) -> Numbers:
    """Where silhouettes stand on the floor, how large they are, and how the template fits them."""
    pictures, cards = straight_cards(clip, model, placed)
    usable = cards.touching()
    if not usable:
        draw(picture, pictures, cards, points, None)
        return {"on the floor": 0}
    places, heights = cards.places[usable], cards.heights()[usable]
    speed = np.linalg.norm(np.diff(places, axis=0), axis=1) / np.diff(cards.times[usable])
    body = fitted(cards, np.random.default_rng(0))
    draw(picture, pictures, cards, points, body)
    numbers: Numbers = {
        "on the floor": len(usable),
        "height m": np.percentile(heights, [10, 50, 90]).tolist(),
        "speed m/s": np.percentile(speed, [50, 95]).tolist(),
        "IoU": float(np.median(body.overlaps(cards))),
        "body length m": float(np.ptp(body.body.mesh.vertices[:, 0])),
    }
    if clip.true is not None and clip.true_root is not None:
        onto = similarity(placed, clip.true[model["frames"]])
        numbers |= strayed(body.T_world_root[usable], clip.true_root[model["frames"]][usable], onto)
    return numbers


def straight_cards(clip: Clip, model: dict[str, Array], placed: Array) -> tuple[list[Array], Cards]:
    """The registered pictures without the lens's distortion, and the silhouettes in them."""
    focal, cx, cy, bend = model["lens"]
    width, height = (int(size) for size in model["size"])
    straight = straight_lens([focal, focal, cx - 0.5, cy - 0.5], width, height).intrinsics
    lens = Lens(straight, np.array([bend, 0.0, 0.0, 0.0, 0.0]))
    chosen = model["frames"].tolist()
    pictures = [straightened(clip.pictures[i], lens, straight, smooth=True) for i in chosen]
    given = [clip.masks[i].astype(np.uint8) for i in chosen] if clip.masks else []
    masks = {k: straightened(mask, lens, straight, smooth=False) > 0 for k, mask in enumerate(given)}
    masks = {k: mask for k, mask in masks.items() if mask.sum() > FEWEST_PIXELS}
    return pictures, Cards(clip.name, clip.times[chosen], straight, masks, placed)


def strayed(roots: Array, true: Array, onto: tuple[float, Array, Array]) -> Numbers:
    """How far found roots (K, 4, 4) are from the true ones, the similarity that lays cameras on true ones applied."""
    scale, turn, shift = onto
    gaps = np.linalg.norm(scale * roots[:, :3, 3] @ turn.T + shift - true[:, :3, 3], axis=1)
    cosine = (turn @ roots[:, :3, :1])[:, :, 0] * true[:, :3, 0]
    headings = np.degrees(np.arccos(np.clip(cosine.sum(axis=1), -1.0, 1.0)))
    return {"root off m": float(np.median(gaps)), "facing off °": np.percentile(headings, [50, 90]).tolist()}


if __name__ == "__main__":
    main()
