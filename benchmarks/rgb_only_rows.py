"""The numbers of benchmarks.rgb_only as rows of two tables: cameras and room, animal."""

from __future__ import annotations

from typing import Any

CAMERAS = (
    "| clip | pictures | registered, animal in / out | points | px | angle ° | path / distance | lens ° in / out "
    "| sightings (pixels) on the animal | in and out differ | floor: points, roll ° |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|"
)
ANIMAL = (
    "| clip | camera above the floor m | silhouettes on the floor | height m, 10 / 50 / 90 % | speed m/s, 50 / 95 % "
    "| IoU | body m | truth |\n|---|---|---|---|---|---|---|---|"
)


def camera_row(name: str, numbers: dict[str, Any]) -> str:
    """Of a clip: how far its cameras and its room came."""
    both = [numbers[kind] for kind in ("everything", "without animal") if kind in numbers]
    kept, first = both[-1], both[0]
    cells = [name, str(numbers["pictures"]), " / ".join(_count(one) for one in both)]
    if "points" not in kept:
        return _row([*cells, *[""] * 8])
    cells += [f"{kept['points']:,}", f"{kept['reprojection px']:.2f}", f"{kept['median angle °']:.1f}"]
    cells += [f"{kept['path / distance']:.2f}"]
    cells += [" / ".join(f"{one['field of view °']:.0f}" if "points" in one else "–" for one in both)]
    known = "sightings on the animal" in first
    cells += [f"{first['sightings on the animal']:.0%} ({first['pixels on the animal']:.0%})" if known else ""]
    differs = kept.get("differs")
    cells += [f"{differs[0]:.1%}, {differs[1]:.2f}°" if differs else ""]
    floor = numbers["floor"]
    cells += [floor if isinstance(floor, str) else f"{floor['points on it']:.0%}, {floor['median roll °']:.1f}"]
    return _row(cells)


def animal_row(name: str, numbers: dict[str, Any]) -> str:
    """Of a clip: how far its animal came, in the size that was said."""
    found = numbers.get("animal", {})
    if not found.get("on the floor"):
        return _row([name, *[""] * 7])
    low, middle, high = numbers["metres"]["camera height"]
    cells = [name, f"{low:.2f} / {middle:.2f} / {high:.2f}", str(found["on the floor"])]
    cells += [" / ".join(f"{value:.2f}" for value in found[key]) for key in ("height m", "speed m/s")]
    cells += [f"{found['IoU']:.2f}", f"{found['body length m']:.2f}"]
    if "true" in numbers:
        kept, true = numbers["without animal" if "without animal" in numbers else "everything"], numbers["true"]
        facing = " / ".join(f"{value:.0f}" for value in found["facing off °"])
        told = f"cameras {100 * kept['centres off m']:.1f} cm, {kept['turned off °']:.2f}°; up {true['up off °']:.1f}°"
        cells += [f"{told}; size x{true['true / said size']:.2f}; root {found['root off m']:.2f} m; facing {facing}°"]
    return _row(cells + [""] * (8 - len(cells)))


def _count(one: dict[str, Any]) -> str:
    return " + ".join(map(str, one["models"])) or "0"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
