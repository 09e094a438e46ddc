"""Options of `ats evaluate closed-loop`; imports nothing heavy, so that `--help` is instant."""

from dataclasses import dataclass

from ats_sim.errors import ConfigError

MOST_EPISODES, MOST_MOMENTS = 10_000, 100_000


@dataclass(frozen=True)
class ClosedLoopConfig:
    """How long and how often to watch."""

    episodes: int = 50
    """Seeded episodes per observer; effects need two or more."""
    seconds: float = 60.0
    """Length of an episode."""
    moments: int = 1000
    """Recorded moments that are lived anew, twice, to measure the reaction to the observer; 0 leaves that out."""

    def __post_init__(self) -> None:
        if not 1 <= self.episodes <= MOST_EPISODES:
            raise ConfigError(f"--episodes {self.episodes}: must lie between 1 and {MOST_EPISODES}")
        if not 1.0 <= self.seconds <= 3600.0:
            raise ConfigError(f"--seconds {self.seconds}: an episode must last 1 to 3600 s")
        if not 0 <= self.moments <= MOST_MOMENTS:
            raise ConfigError(f"--moments {self.moments}: must lie between 0 and {MOST_MOMENTS}")
