"""The last minutes of a walk, a state per step, so that time can run backwards."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from ats_sim.arrays import Array
from ats_sim.errors import ConfigError

STEPS = 900
"""Steps that are kept, 90 s."""
MOST_BYTES = 256 * 2**20
"""Memory that they may take; many agents are remembered for a shorter time."""


class Memory:
    """States by step, the oldest forgotten first; arrays that did not change since the step before are kept once."""

    def __init__(self, steps: int = STEPS, most_bytes: int = MOST_BYTES) -> None:
        """Remember at most so many steps and bytes, and always the newest two."""
        self._steps, self._most_bytes = steps, most_bytes
        self._states: deque[tuple[int, dict[str, Array], int]] = deque()
        self.bytes = 0
        """What is held, arrays alone."""

    def __len__(self) -> int:
        """How many steps are remembered."""
        return len(self._states)

    @property
    def first(self) -> int:
        """The oldest step that is remembered."""
        return self._states[0][0]

    def forget(self) -> None:
        """Begin anew."""
        self._states.clear()
        self.bytes = 0

    def keep(self, step: int, state: Mapping[str, Array]) -> None:
        """Remember the state at a step, which must follow the newest one; the arrays are copied."""
        before = self._states[-1][1] if self._states else {}
        kept, new_bytes = {}, 0
        for name, array in state.items():
            known = before.get(name)
            if known is not None and _is_same(known, array):
                kept[name] = known
            else:
                kept[name] = array.copy()
                new_bytes += array.nbytes
        self._states.append((step, kept, new_bytes))
        self.bytes += new_bytes
        while len(self._states) > self._steps or (self.bytes > self._most_bytes and len(self._states) > 2):
            self._drop_oldest()

    def back_to(self, step: int) -> Mapping[str, Array]:
        """The state at a step; later ones are forgotten. ConfigError where the step is not remembered."""
        if not self._states or not self.first <= step <= self._states[-1][0]:
            span = f"{self.first} to {self._states[-1][0]}" if self._states else "none"
            raise ConfigError(f"step {step} cannot be gone back to: remembered are {span}")
        while self._states[-1][0] > step:
            _, _, own_bytes = self._states.pop()
            self.bytes -= own_bytes
        return self._states[-1][1]

    def _drop_oldest(self) -> None:
        """What the next state shares with the oldest becomes the next one's own."""
        _, oldest, own_bytes = self._states.popleft()
        step, state, next_bytes = self._states[0]
        inherited = sum(array.nbytes for name, array in state.items() if oldest.get(name) is array)
        self._states[0] = (step, state, next_bytes + inherited)
        self.bytes += inherited - own_bytes


def _is_same(one: Array, other: Array) -> bool:
    """Whether two arrays hold the same bits."""
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
