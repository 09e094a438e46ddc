"""Answers in numbers: how often simulated passed for real, real for real, and how often the answer was right."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

RECORDED, SIMULATED, UNSURE = "recorded", "simulated", "unsure"
Z95 = 1.959963984540054
"""Standard deviations around a normal's mean that hold 95 % of it."""


@dataclass(frozen=True)
class Share:
    """Some of several."""

    hits: int
    """How many."""
    of: int
    """Of how many."""

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the share (Wilson 1927, score interval); 0 to 1 where nothing was counted."""
        if self.of == 0:
            return 0.0, 1.0
        share, weight = self.hits / self.of, Z95**2 / self.of
        middle = (share + weight / 2.0) / (1.0 + weight)
        half = math.sqrt(weight * (share * (1.0 - share) + weight / 4.0)) / (1.0 + weight)
        return max(0.0, middle - half), min(1.0, middle + half)

    def __str__(self) -> str:
        """The share, its counts and its interval."""
        if self.of == 0:
            return "–  (none)"
        low, high = self.interval
        share = 100.0 * self.hits / self.of
        return f"{share:3.0f} %  ({self.hits} of {self.of}; 95 % interval {100.0 * low:.0f} to {100.0 * high:.0f} %)"


@dataclass(frozen=True)
class Scores:
    """How a test went."""

    simulated_for_real: Share
    """Simulated clips taken for real, of all simulated ones."""
    recorded_for_real: Share
    """Recorded clips taken for real, of all recorded ones."""
    accuracy: Share
    """Right answers, of those that chose."""
    unsure: int
    """Answers that did not choose."""

    @classmethod
    def of(cls, answers: Iterable[tuple[str, str]]) -> Scores:
        """Scores of pairs (truth, answer)."""
        pairs = list(answers)

        def taken(truth: str) -> Share:
            given = [answer for was, answer in pairs if was == truth]
            return Share(given.count(RECORDED), len(given))

        chosen = [truth == answer for truth, answer in pairs if answer != UNSURE]
        return cls(taken(SIMULATED), taken(RECORDED), Share(sum(chosen), len(chosen)), len(pairs) - len(chosen))

    @property
    def count(self) -> int:
        """Answers in all."""
        return self.accuracy.of + self.unsure

    def lines(self) -> list[str]:
        """The scores for people, a line each."""
        if self.count == 0:
            return ["no answer yet"]
        return [
            f"simulated, taken for real  {self.simulated_for_real}",
            f"recorded, taken for real   {self.recorded_for_real}",
            f"right, where it was said   {self.accuracy}; guessing gets 50 %",
            f"could not tell             {self.unsure} of {self.count}",
        ]
