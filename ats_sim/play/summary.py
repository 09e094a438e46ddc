"""The words and numbers at the end of a walk."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ats_sim.play.diary import Tally

if TYPE_CHECKING:
    from ats_sim.play.session import Session


@dataclass(frozen=True)
class Summary:
    """What a walk was like."""

    home: str
    """Name of the home."""
    tally: Tally
    """What happened."""
    renderer: str
    """Who drew."""
    note: str
    """What would make drawing faster; empty when nothing would."""
    wall_seconds: float
    """Real time that the walk took, drawing and film included."""
    simulation_seconds: float
    """Real time spent on simulating alone."""
    film: Path | None = None
    """The film that was written, if any."""

    @classmethod
    def of(cls, session: Session, home: str, *, wall_seconds: float, film: Path | None) -> Summary:
        """What a walk that is over was like."""
        return cls(
            home=home,
            tally=session.diary.tally(),
            renderer=session.renderer.backend,
            note=session.renderer.note,
            wall_seconds=wall_seconds,
            simulation_seconds=session.walk.seconds_spent,
            film=film,
        )

    @property
    def real_time_factor(self) -> float:
        """Simulated seconds per real second of simulating, without drawing."""
        return self.tally.seconds / max(self.simulation_seconds, 1e-9)

    def lines(self) -> list[str]:
        """The summary for people, a line each."""
        tally = self.tally
        lines = [
            f"{tally.seconds:.1f} s in the home {self.home!r}, drawn with {self.renderer}",
            f"you walked {tally.observer_metres:.1f} m, the animal {tally.agent_metres:.1f} m; "
            f"{tally.mean_distance:.1f} m apart on average, {tally.nearest:.1f} m at the nearest",
            f"it came closer {_times(tally.approached)} and fled {_times(tally.fled)}",
            f"simulation ran at {self.real_time_factor:.1f} x real time "
            f"({self.tally.seconds / max(self.wall_seconds, 1e-9):.1f} x with drawing)",
        ]
        if self.film is not None:
            lines.append(f"film: {self.film}")
        if self.note:
            lines.append(self.note)
        return lines

    def to_json(self) -> dict[str, Any]:
        """The summary as plain values."""
        plain = {**asdict(self), "real_time_factor": self.real_time_factor}
        return {name: str(value) if isinstance(value, Path) else value for name, value in plain.items()}


def _times(count: int) -> str:
    return {0: "0 times", 1: "once", 2: "twice"}.get(count, f"{count} times")
