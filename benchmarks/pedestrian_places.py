"""Does a map help? Paths of people in two places whose obstacles are known, with the map and without.

    python -m benchmarks.pedestrian_places --data shared/data/eth_ucy [--json places.json]

Two questions: in a place where earlier people were watched (the first three fifths of its frames are trained on), and
in a place that is new (trained on the other one). Each network has learned to do with the map and without. Guidance
moves every clean prediction off obstacles; choosing draws twice as many paths and keeps the first twenty that
lead over none. Both need the map's distances only and could be put on any sampler. Beside the errors: the share of
places on obstacles, of paths that lead over one, and both errors where the map matters: where at least one of twenty
straight noisy ways would lead over an obstacle, which is known before anything is predicted.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ats_sim.arrays import Array
from ats_sim.denoising import falling_levels
from benchmarks.pedestrian_drawing import CROWDING
from benchmarks.pedestrian_mapped import Ground, MapSampler, trained_on_maps
from benchmarks.pedestrian_maps import PLACES, DistanceField, read_annotation
from benchmarks.pedestrian_nets import COEFFICIENTS
from benchmarks.pedestrian_scores import scored
from benchmarks.pedestrian_tracks import RECORDINGS, Windows, cut, noisy_velocity, read_rows
from benchmarks.pedestrian_training import Effort

EARLIER = 0.6
KEPT, DRAWN = 20, 40
BATCH = 256
Figures = dict[str, float]


@dataclass(frozen=True)
class Place:
    """One of the two."""

    field: DistanceField
    rows: Array
    """(R, 4) frame, person, x, y."""

    @classmethod
    def read(cls, folder: Path) -> "Place":
        """From its folder."""
        rows = read_annotation(folder)
        return cls(DistanceField.read(folder, rows[:, 2:]), rows)

    def halves(self) -> tuple[Windows, Windows]:
        """What was earlier and what was later, with no frame in both."""
        border = np.quantile(self.rows[:, 0], EARLIER)
        return cut(self.rows[self.rows[:, 0] < border]), cut(self.rows[self.rows[:, 0] >= border])


def main() -> None:
    """Train three networks, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    places = {name: Place.read(options.data / "opentraj_extra" / folder) for name, folder in PLACES.items()}
    elsewhere = [
        cut(read_rows(options.data / "train" / f"{name}_train.txt")) for name in RECORDINGS if "biwi" not in name
    ]
    table: dict[str, dict[str, Figures]] = {}
    earlier = {name: place.halves() for name, place in places.items()}
    net = trained(list(places.values()), [half[0] for half in earlier.values()], elsewhere, options)
    for name, place in places.items():
        table[f"{name}, known place, later"] = figures(net, earlier[name][1], place.field, options.seed)
    for name, place in places.items():
        others = [other for other in places if other != name]
        net = trained([places[o] for o in others], [cut(places[o].rows) for o in others], elsewhere, options)
        table[f"{name}, new place"] = figures(net, cut(place.rows), place.field, options.seed)
    for title, rows in table.items():
        print(f"\n{title}\n{shown(rows)}")
    if options.json is not None:
        options.json.write_text(json.dumps(table, indent=1))


def trained(
    places: list[Place], watched: list[Windows], elsewhere: list[Windows], options: argparse.Namespace
) -> MapSampler:
    """A network from what was watched in places with a map, and elsewhere."""
    parts = [*watched, *elsewhere]
    which = np.concatenate([np.full(len(p), i if i < len(places) else -1) for i, p in enumerate(parts)])
    fields = [place.field for place in places]
    return trained_on_maps(Windows.joined(parts), which, fields, Effort(options.steps, BATCH), options.seed)


def figures(net: MapSampler, windows: Windows, field: DistanceField, seed: int) -> dict[str, Figures]:
    """Of each way to use the map."""
    ground, rng = Ground.of(windows, field), np.random.default_rng([seed, 3])
    noise = rng.standard_normal((len(windows), DRAWN, COEFFICIENTS, 2), np.float32)
    origin, levels = windows.seen[:, -1], falling_levels(4, CROWDING)
    straight = noisy_velocity(windows.seen, KEPT, rng)
    matters = np.asarray(field.crossed(origin, straight).any(1))
    rows = {"what they did": windows.hidden[:, None], "constant velocity, noisy": straight}
    for seeing in (False, True):
        name = "map seen" if seeing else "map hidden"
        many = net.draw(windows, ground, noise, levels, seeing=seeing, guided=False)
        rows[name] = many[:, :KEPT]
        rows[f"{name}, guided"] = net.draw(windows, ground, noise[:, :KEPT], levels, seeing=seeing, guided=True)
        rows[f"{name}, chosen"] = first_free(many, field.crossed(origin, many))
    return {name: measured(paths, windows, field, matters) for name, paths in rows.items()}


def first_free(paths: Array, blocked: Array) -> Array:
    """The first twenty (N, 20, T, 2) of paths (N, K, T, 2) that are not blocked (N, K); where too few are free, blocked
    ones after them."""
    order = np.argsort(blocked, axis=1, kind="stable")[:, :KEPT]
    return np.take_along_axis(paths, order[..., None, None], axis=1)


def measured(paths: Array, windows: Windows, field: DistanceField, matters: Array) -> Figures:
    """Figures of paths (N, K, 12, 2)."""
    blocked = field.crossed(windows.seen[:, -1], paths)
    whole, there = scored(paths, windows.hidden), scored(paths[matters], windows.hidden[matters])
    return {
        "windows": float(len(windows)),
        "minADE": whole.min_ade,
        "minFDE": whole.min_fde,
        "mean ADE": whole.mean_ade,
        "energy": whole.energy,
        "places on obstacles": float((field.look_up(paths) < 0.0).mean()),
        "paths over obstacles": float(blocked.mean()),
        "where it matters": float(matters.sum()),
        "its minADE": there.min_ade,
        "its energy": there.energy,
        "its paths over": float(blocked[matters].mean()),
    }


def shown(rows: dict[str, Figures]) -> str:
    """Markdown."""
    names = list(next(iter(rows.values())))
    lines = ["| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    return "\n".join(
        lines + [f"| {row} | " + " | ".join(f"{v:.4g}" for v in f.values()) + " |" for row, f in rows.items()]
    )


if __name__ == "__main__":
    main()
