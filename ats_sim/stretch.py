"""Stretches: the frames that bodies walk until their next plans, with everything that is measured on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.errors import ArrayError
from ats_sim.footing import Footing
from ats_sim.geometry import log_so3
from ats_sim.perception import HZ

CONTACT = 0.05  # metres between a foot joint and what is solid that count as standing on it


@dataclass(frozen=True, eq=False)
class Stretch:
    """K frames of a body in the world, or of N bodies: then all arrays have a leading axis (N, K, ...)."""

    roots: Array
    """(K, 4, 4) root poses."""
    joints: Array
    """(K, J, 3) joint rotations, axis-angle."""
    drawn: Array
    """(K, J, 3) the same as the mind drew them, before the legs stepped."""
    positions: Array
    """(K, J, 3) joint positions, metres."""
    distances: Array
    """(K, J) metres of free space at every joint."""
    velocities: Array
    """(K, 6) linear (m/s) and angular (rad/s) velocity of the root since the frame before."""
    foot_skate: Array
    """(K,) m/s that standing feet slide."""
    floating: Array
    """(K,) metres by which the body hangs above what should carry it."""
    blocked: Array
    """(K,) whether something solid kept the body from its plan."""
    paws: Array
    """(K, F, 4) what each paw does, see `gait.Steps`; F is 0 for a body without legs."""

    @property
    def frames(self) -> int:
        """K."""
        return self.roots.shape[-3]

    def state(self) -> dict[str, Array]:
        """All arrays by name."""
        return dict(vars(self))

    @classmethod
    def from_state(cls, stored: Mapping[str, Array], joints: int) -> "Stretch":
        """Read back what `state` returned for one body; KeyError or ArrayError where it is incomplete."""
        count = len(stored["roots"])
        if count < 2:
            raise ArrayError(
                f"roots: {count} frames, want two or more: an agent is always on its way from one to the next"
            )
        shapes: dict[str, tuple[int, ...]] = {
            "roots": (count, 4, 4),
            "joints": (count, joints, 3),
            "drawn": (count, joints, 3),
            "positions": (count, joints, 3),
            "distances": (count, joints),
            "velocities": (count, 6),
            "foot_skate": (count,),
            "floating": (count,),
            "paws": (count, stored["paws"].shape[1], 4),
        }
        arrays = {name: checked(name, stored[name], shape).copy() for name, shape in shapes.items()}
        return cls(blocked=checked("blocked", stored["blocked"], (count,), dtype=bool).copy(), **arrays)

    @classmethod
    def together(cls, bodies: Sequence["Stretch"]) -> "Stretch":
        """N bodies as one batch, all of them K frames long."""
        return cls(**{name: np.array([getattr(body, name) for body in bodies]) for name in vars(bodies[0])})

    def apart(self) -> list["Stretch"]:
        """The bodies of a batch."""
        return [Stretch(**{name: value[body] for name, value in vars(self).items()}) for body in range(len(self.roots))]

    def between(self, first: int, end: int) -> "Stretch":
        """Frames `first` to `end` of one body."""
        return Stretch(**{name: value[first:end] for name, value in vars(self).items()})

    def followed_by(self, after: "Stretch") -> "Stretch":
        """These frames and then those, of a body or of a batch."""
        frame_axis = self.roots.ndim - 3
        later = vars(after)
        return Stretch(**{name: np.concatenate([v, later[name]], axis=frame_axis) for name, v in vars(self).items()})


def measured(
    footing: Footing,
    before: Stretch | None,
    *,
    roots: Array,
    joints: Array,
    drawn: Array,
    positions: Array,
    distances: Array,
    blocked: Array,
    paws: Array,
) -> Stretch:
    """The stretches of N bodies with their figures; without a past, their first frame has been there for a while."""
    now = (roots, positions, distances)
    last = (
        [value[:, :1] for value in now]
        if before is None
        else [value[:, -1:] for value in (before.roots, before.positions, before.distances)]
    )
    path, places, room = (np.concatenate(pair, axis=1) for pair in zip(last, now, strict=True))
    moves = np.diff(path[..., :3, 3], axis=1)
    turns = log_so3(path[:, 1:, :3, :3] @ np.swapaxes(path[:, :-1, :3, :3], -1, -2))
    return Stretch(
        roots=roots,
        joints=joints,
        drawn=drawn,
        positions=positions,
        distances=distances,
        velocities=np.concatenate([moves, turns], axis=-1) * HZ,
        foot_skate=_skate(places[:, :, footing.feet], room[:, :, footing.feet] < CONTACT),
        floating=footing.floating(positions, distances),
        blocked=blocked,
        paws=paws,
    )


def _skate(feet: Array, touches: Array) -> Array:
    """(N, K) m/s at which feet (N, K + 1, F, 3) slide on average while they touch (N, K + 1, F) what carries them."""
    steps, stands = np.diff(feet[..., :2], axis=1), touches[:, 1:] & touches[:, :-1]
    slid = np.where(stands, np.sqrt(steps[..., 0] ** 2 + steps[..., 1] ** 2) * HZ, 0.0)
    return np.asarray(slid.sum(-1) / np.maximum(stands.sum(-1), 1))
