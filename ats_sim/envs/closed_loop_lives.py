"""What a watch of the closed loop hands on to its figures and its report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ats_sim.envs.closed_loop_reaction import Moments
from ats_sim.envs.closed_loop_track import Track
from ats_sim.home import Home


@dataclass(frozen=True, eq=False)
class Lives:
    """Everything that was watched."""

    home: Home
    """Where."""
    recorded: Sequence[Track]
    """The real animal."""
    simulated: Mapping[str, Sequence[Track]]
    """Tracks per kind of episode."""
    anew: Mapping[str, Sequence[Moments]]
    """Meetings per video at the same recorded moments: "recorded", "simulated" and "hidden" (the observer)."""
    real_time_factor: float
    """Simulated seconds per CPU second; worlds think together, nothing is drawn or measured on the way."""
