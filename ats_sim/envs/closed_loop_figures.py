"""Figures of tracks: gait, contact with the home, where the animal is and how long it rests.

Recorded and simulated tracks go through the same functions. Percentiles pool the frames of all tracks; counts per
minute are medians over tracks.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.envs.closed_loop_track import Track
from ats_sim.footing import foot_joints
from ats_sim.geometry import exp_so3, log_so3
from ats_sim.home import Home
from ats_sim.perception import HZ
from ats_sim.skeleton import Skeleton

SLOW, APART = 0.15, 1.0
RESTING = 0.1
"""Metres within which a standing animal stays for a second."""
SHARES = (50, 95, 99)
CONTACT = 0.05
"""Metres between a foot joint and what is solid that count as standing on it."""
INSIDE = 0.01
"""Metres that a joint must be inside something to count: the distance field knows no better."""
NOTHING = 1e-9
"""Spreads and means below this are rounding: nothing can be divided by them."""
JOIN_REACH = 2
"""A join at frame k changes the velocity there, which the jerks that begin at frames k - 2 and k - 1 span evenly."""


def figures(tracks: Sequence[Track], home: Home) -> dict[str, Any]:
    """All figures of some tracks in one home; plain numbers, metres and seconds and radians."""
    pieces = [piece for track in tracks for piece in track.pieces()]
    if not pieces:
        return {"seconds": 0.0}
    return {
        "seconds": sum(len(piece.roots) for piece in pieces) / HZ,
        **_shares("speed", [speeds(piece.places) for piece in pieces]),
        **_shares("turn_rate", [turn_rates(piece.yaw) for piece in pieces]),
        **_shares("joint_velocity", [joint_velocities(piece.joints) for piece in pieces]),
        **_shares("jerk", [jerks(piece.places) for piece in pieces]),
        **contact_figures(pieces, home),
        **rest_figures(pieces),
        **place_figures(tracks, home),
    }


def speeds(places: Array) -> Array:
    """(N - 1,) m/s on the floor plan along places (N, 2 or 3)."""
    return np.asarray(np.linalg.norm(np.diff(places[:, :2], axis=0), axis=1) * HZ)


def turn_rates(yaw: Array) -> Array:
    """(N - 1,) rad/s, without sign, of headings (N,)."""
    return np.asarray(np.abs(np.diff(np.unwrap(yaw))) * HZ)


def joint_velocities(joints: Array) -> Array:
    """(N - 1,) rad/s, mean over the joints but the root, of joint rotations (N, J, 3)."""
    turned = exp_so3(joints[1:, 1:]) @ np.swapaxes(exp_so3(joints[:-1, 1:]), -1, -2)
    return np.asarray(np.linalg.norm(log_so3(turned), axis=-1).mean(-1) * HZ)


def jerks(places: Array) -> Array:
    """(N - 3,) m/s³ of places (N, 3): entry i spans frames i to i + 3."""
    return np.asarray(np.linalg.norm(np.diff(places, n=3, axis=0), axis=1) * HZ**3)


def join_jerk(tracks: Sequence[Track]) -> dict[str, float | None]:
    """Mean jerk (m/s³) where plans join, elsewhere, and their ratio (1 = no seam to be seen; None if all is smooth)."""
    at, off = [], []
    for piece in (piece for track in tracks for piece in track.pieces()):
        values = jerks(piece.places)
        near = np.zeros(len(piece.roots), dtype=bool)
        for frame in np.flatnonzero(piece.joined):
            near[max(frame - JOIN_REACH, 0) : frame] = True
        at.append(values[near[: len(values)]])
        off.append(values[~near[: len(values)]])
    first, second = np.concatenate([*at, np.zeros(0)]), np.concatenate([*off, np.zeros(0)])
    if not len(first) or not len(second):
        return {}
    return {
        "jerk_at_joins": float(first.mean()),
        "jerk_elsewhere": float(second.mean()),
        "jerk_ratio": float(first.mean() / second.mean()) if second.mean() > NOTHING else None,
    }


def contact_figures(pieces: Sequence[Track], home: Home) -> dict[str, float]:
    """Sliding, sinking in and hovering, on the home's distance field."""
    volume, feet = home.perception, foot_joints(home.skeleton)
    rooms, skates = [], []
    for piece in pieces:
        joints = joint_places(piece, home.skeleton)
        room = volume.sample_sdf(joints)
        rooms.append(room)
        skates.append(foot_skates(joints[:, feet], room[:, feet]))
    room = np.concatenate(rooms)
    depth, gap = np.maximum(-room.min(-1), 0.0), np.maximum(room.min(-1), 0.0)
    skate = np.concatenate(skates)
    return {
        "foot_skate_mean": float(skate.mean()),
        "foot_skate_p95": float(np.percentile(skate, 95)),
        **{f"penetration_p{share}": float(np.percentile(depth, share)) for share in SHARES},
        "steps_joint_inside": float((depth > INSIDE).mean()),
        "steps_root_inside": float((room[:, 0] < 0.0).sum()),
        "gap_p50": float(np.percentile(gap, 50)),
        "gap_p95": float(np.percentile(gap, 95)),
    }


def foot_skates(feet: Array, room: Array) -> Array:
    """(N - 1,) m/s at which feet (N, F, 3) slide, where `room` (N, F) is their distance to what is solid.

    The mean over the feet that touch something (within 5 cm) before and after the step; 0 where none does.
    """
    touching = (room[1:] < CONTACT) & (room[:-1] < CONTACT)
    speed = np.linalg.norm(np.diff(feet[..., :2], axis=0), axis=-1) * HZ
    return np.asarray((speed * touching).sum(-1) / np.maximum(touching.sum(-1), 1))


def joint_places(track: Track, skeleton: Skeleton) -> Array:
    """(N, J, 3) joint positions, metres."""
    return np.asarray(skeleton.forward_kinematics(track.roots, track.joints)[..., :3, 3])


def rest_figures(pieces: Sequence[Track]) -> dict[str, float]:
    """How much and how long the animal stands: within 10 cm for a second."""
    still = [standing(piece.places) for piece in pieces]
    return {
        "share_standing": float(np.mean(np.concatenate(still))),
        "longest_standing_s": max(longest_run(one) for one in still) / HZ,
        "longest_standing_median_s": float(np.median([longest_run(one) for one in still])) / HZ,
    }


def standing(places: Array) -> Array:
    """(N,) whether the animal is within 10 cm of where it was or will be a second away, at places (N, 3)."""
    quiet = np.linalg.norm(places[HZ:, :2] - places[:-HZ, :2], axis=1) < RESTING
    still = np.zeros(len(places), dtype=bool)
    for begin in np.flatnonzero(quiet):
        still[begin : begin + HZ + 1] = True
    return still


def longest_run(flags: Array) -> int:
    """Length of the longest run of True in flags (N,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return int(max(edges[1::2] - edges[::2], default=0))


def place_figures(tracks: Sequence[Track], home: Home) -> dict[str, float]:
    """Where the animal is: places, stops and way per track, support and visitation against the recordings."""
    volume = home.perception
    known = [track.places[track.valid] for track in tracks]
    points = np.concatenate(known)
    return {
        "track_seconds_median": float(np.median([len(track) for track in known])) / HZ,
        "places_median": float(np.median([places(track) for track in known])),
        "stops_median": float(np.median([stops(track) for track in known])),
        "way_m_per_minute": float(np.median([_way_per_minute(track) for track in known if len(track) > 1])),
        "share_in_data_support": float((volume.agent_seconds(points) > 0.0).mean()),
        "visitation_divergence": visitation_divergence(home, points),
    }


def places(track: Array) -> int:
    """Count the square metres in which a track (N, 3) at 10 Hz spends a second or more."""
    cells = np.floor(track[:, :2] / APART).astype(int)
    _, visits = np.unique(cells, axis=0, return_counts=True)
    return int((visits >= HZ).sum())


def stops(track: Array) -> int:
    """Count the distinct stops in a track (N, 3) at 10 Hz."""
    found: list[Array] = []
    for start in range(0, len(track) - HZ, HZ // 2):
        piece = track[start : start + HZ + 1]
        slow = np.linalg.norm(np.diff(piece, axis=0), axis=1).max() * HZ < SLOW
        if slow and all(np.linalg.norm(piece.mean(0) - other) > APART for other in found):
            found.append(piece.mean(0))
    return len(found)


def visitation_divergence(home: Home, points: Array, cell: float = 0.5) -> float:
    """Jensen-Shannon divergence (nats, at most ln 2) between where points (N, 3) and the recorded roots were."""
    recorded = home.perception.agent_roots[:, :2, 3]
    low = np.minimum(recorded.min(0), points[:, :2].min(0)) - cell
    counts = []
    for xy in (recorded, points[:, :2]):
        cells = ((xy - low) / cell).astype(np.int64)
        counts.append(np.bincount(cells[:, 0] * 10_000 + cells[:, 1], minlength=0))
    length = max(map(len, counts))
    p, q = (np.pad(c, (0, length - len(c))) / c.sum() for c in counts)
    middle = 0.5 * (p + q)
    return float(sum(0.5 * (part[part > 0] * np.log(part[part > 0] / middle[part > 0])).sum() for part in (p, q)))


def effect_size(first: Array, second: Array) -> float | None:
    """Cohen's d of two samples (N,), (M,): difference of the means over the pooled standard deviation.

    None where it cannot be told: a sample has fewer than two values, or all values of both are alike.
    """
    if min(len(first), len(second)) < 2:
        return None
    pooled = math.sqrt(0.5 * (np.var(first) + np.var(second)))
    return float((np.mean(first) - np.mean(second)) / pooled) if pooled > NOTHING else None


def finite(value: Any) -> Any:
    """The same nested dicts and lists, with None for every number that is NaN or infinite."""
    if isinstance(value, dict):
        return {name: finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _way_per_minute(track: Array) -> float:
    return float(np.linalg.norm(np.diff(track, axis=0), axis=1).sum() * 60.0 * HZ / len(track))


def _shares(name: str, values: list[Array]) -> dict[str, float]:
    pooled = np.concatenate(values)
    return {f"{name}_p{share}": float(np.percentile(pooled, share)) for share in SHARES}
