"""Options of `ats evaluate closed-loop`; imports nothing, so that `--help` is instant."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ClosedLoopConfig:
    """How long and how often to watch."""

    episodes: int = 50
    """Seeded episodes per observer."""
    seconds: float = 60.0
    """Length of an episode."""
    moments: int = 1000
    """Recorded moments that are lived anew, twice, to measure the reaction to the observer."""
