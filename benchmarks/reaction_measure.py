"""Can the closed loop's measures tell an animal that sees people from one that is blind to them?

    python -m benchmarks.reaction_measure --videos 48

The animal of `ats synthesize` has a true mind: it runs from whoever comes close fast. Here that mind lives, without
pictures, beside the person who films it; once it sees that person, once it is blind. A person follows the animal in
both, so that everything but the reaction is the same. `replay` sends the person of the seeing lives by an animal that
lives anew and is soon elsewhere. A measure is worth something where `sees` and `blind` differ by more than their
intervals.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import tyro

from ats_sim.arrays import Array
from ats_sim.envs.closed_loop_reaction import MEASURES, moments_of, reaction
from ats_sim.envs.closed_loop_track import Track, plain_track
from ats_sim.progress import track as shown
from ats_sim.reconstruction.capture.synthesis.animal.body import Body, make_body
from ats_sim.reconstruction.capture.synthesis.animal.mind import Mind
from ats_sim.reconstruction.capture.synthesis.filming.observer import TEMPERS, Observer
from ats_sim.reconstruction.capture.synthesis.home.house import build_home
from ats_sim.reconstruction.capture.synthesis.home.layout import HomeLayout

TICK = 0.05
EVERY = 2  # ticks per frame at 10 Hz
NOWHERE = np.array([0.0, 0.0, -10.0])


@dataclass(frozen=True)
class ReactionMeasure:
    """How much is tried."""

    videos: int = 48
    """Lives per condition."""
    seconds: float = 60.0
    """Length of each."""
    seed: int = 7
    """The home and everything in it; 7 is the bundled one."""


@dataclass(frozen=True, eq=False)
class Person:
    """Where somebody was at every tick: feet and eyes (T, 3), velocity (T, 3)."""

    position: Array
    velocity: Array


def life(
    layout: HomeLayout, body: Body, options: ReactionMeasure, index: int, *, sees: bool, replayed: Person | None = None
) -> tuple[Track, Person]:
    """One life of the true mind beside somebody who follows it, or who goes where somebody went."""
    rng = np.random.default_rng([options.seed, index, replayed is not None])
    mind_rng, person_rng = rng.spawn(2)
    mind = Mind(layout, body, mind_rng)
    state = mind.step(TICK, NOWHERE, np.zeros(3))
    observer = Observer(layout, person_rng, TEMPERS[index % 4], np.asarray(state.T_world_root[:3, 3]))
    roots, places, speeds = [], [], []
    for tick in range(round(options.seconds / TICK)):
        if replayed is None:
            observer.step(TICK, np.asarray(state.T_world_root[:3, 3]))
            place, speed = observer.position, observer.velocity
        else:
            place, speed = replayed.position[tick], replayed.velocity[tick]
        roots.append(state.T_world_root)
        places.append(place)
        speeds.append(speed)
        state = mind.step(TICK, place if sees else NOWHERE, speed if sees else np.zeros(3))
    person = Person(np.array(places), np.array(speeds))
    return _track(f"life {index}", np.array(roots)[::EVERY], person.position[::EVERY]), person


def main(options: ReactionMeasure) -> dict[str, Any]:
    """Live all lives and fit both measures."""
    layout = build_home(options.seed)
    body = make_body("cat", np.random.default_rng([options.seed, 10]))
    lives: dict[str, list[Track]] = {name: [] for name in ("sees", "blind", "replay sees", "replay blind")}
    for index in shown(range(options.videos), "lives"):
        track, person = life(layout, body, options, index, sees=True)
        lives["sees"].append(track)
        lives["blind"].append(life(layout, body, options, index, sees=False)[0])
        for name, sees in (("replay sees", True), ("replay blind", False)):
            lives[name].append(life(layout, body, options, index, sees=sees, replayed=person)[0])
    return {measure: {name: _fitted(tracks, measure) for name, tracks in lives.items()} for measure in MEASURES}


def _fitted(tracks: Sequence[Track], measure: str) -> dict[str, Any] | None:
    found = reaction(moments_of(tracks), MEASURES[measure], np.random.default_rng(0))
    return None if found is None else asdict(found)


def _track(name: str, roots: Array, observer: Array) -> Track:
    return plain_track(name, roots, np.zeros((len(roots), 2, 3)), observer, np.ones(len(roots), dtype=bool))


if __name__ == "__main__":
    print(json.dumps(main(tyro.cli(ReactionMeasure)), indent=1))
