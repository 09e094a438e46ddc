"""Walking along plans: a plan says what the mind wants, what comes out is what the home lets the body do of it.

The root is swept so that it never passes through anything, the body is kept out of walls and on its feet, and its paws
step. Between two plans nothing that the observer does changes it (unless they touch), so all frames until the next plan
are worked out at once, and those of many bodies together: no number of a body depends on the bodies beside it.
"""

from collections.abc import Sequence

import numpy as np

from ats_sim.arrays import Array
from ats_sim.course import Course
from ats_sim.footing import Footing
from ats_sim.gait import standing_paws, steps
from ats_sim.plan import Plan
from ats_sim.seam import Seam
from ats_sim.sliding import Disc
from ats_sim.stretch import Stretch, measured
from ats_sim.wanted import Wanted


def standing(footing: Footing, roots: Array, joints: Array) -> Stretch:
    """The stretch of a body that takes given poses: roots (K, 4, 4) and joint rotations (K, J, 3); K is at least 2."""
    positions = footing.skeleton.forward_kinematics(roots, joints)[..., :3, 3]
    paws = np.zeros((len(roots), 0, 4)) if footing.legs is None else standing_paws(footing.legs, positions)
    return _put(footing, None, roots, joints, joints, positions, np.zeros(len(roots), dtype=bool), paws)


def moved(footing: Footing, before: Stretch, meant: Stretch, root: Array, joints: Array, blocked: bool) -> Stretch:
    """One frame in which something else than the plan put the body: root (4, 4) and joint rotations (J, 3).

    What was meant, one frame too, still says what the paws are up to and where the mind has the legs.
    """
    positions = footing.skeleton.forward_kinematics(root[None], joints[None])[..., :3, 3]
    drawn = joints[None].copy()
    if footing.legs is not None:
        drawn[:, footing.legs.chains] = meant.drawn[:, footing.legs.chains]
    past = Stretch.together([before])
    return _put(footing, past, root[None], joints[None], drawn, positions, np.array([blocked]), meant.paws)


def walked(
    footing: Footing,
    before: Stretch,
    plans: Sequence[Plan],
    seam: Seam,
    first: int,
    count: int,
    obstacles: Sequence[Sequence[Disc]] = (),
) -> Stretch:
    """Walk N bodies along `count` frames of their plans.

    Args:
        footing: The bodies in their home.
        before: Where they were; the last two frames count.
        plans: What is meant.
        seam: What is left of the motions before the plans.
        first: Frames of the plans that have been walked.
        count: Frames to walk; beyond its end a plan stands still.
        obstacles: For each body, others who may not be walked into.
    """
    wanted = Wanted.of(footing.skeleton, plans, seam, first, count)
    course = Course(footing, before, wanted, obstacles)
    roots, drawn, legs = course.roots, course.joints, footing.legs
    joints, positions, paws = drawn, course.positions, np.zeros((*roots.shape[:2], 0, 4))
    if legs is not None:
        past = (before.roots[:, -1], before.paws[:, -1])
        gait = steps(legs, footing.volume, past, roots, positions[:, :, legs.feet], wanted.airborne)
        joints, positions = legs.bent(course.bodies(), drawn, gait.places, gait.held)
        paws = gait.states
    distances = footing.distances(positions)
    # A frame in which a bent leg would enter something keeps the mind's own legs.
    stuck = ~footing.fits(distances)
    if stuck.any():
        joints, positions = joints.copy(), positions.copy()
        joints[stuck], positions[stuck] = drawn[stuck], course.positions[stuck]
        distances[stuck] = footing.distances(positions[stuck])
    return measured(
        footing,
        before,
        roots=roots,
        joints=joints,
        drawn=drawn,
        positions=positions,
        distances=distances,
        blocked=course.blocked,
        paws=paws,
    )


def _put(
    footing: Footing,
    before: Stretch | None,
    roots: Array,
    joints: Array,
    drawn: Array,
    positions: Array,
    blocked: Array,
    paws: Array,
) -> Stretch:
    """The stretch of one body that was put into K poses."""
    parts = {"roots": roots, "joints": joints, "drawn": drawn, "positions": positions, "blocked": blocked, "paws": paws}
    distances = footing.distances(positions)
    return measured(footing, before, distances=distances[None], **{k: v[None] for k, v in parts.items()}).apart()[0]
