"""Keys that steer the observer, in the form `gymnasium.utils.play` takes."""

from itertools import combinations
from typing import Any

import numpy as np

from ats_sim.arrays import Array

# Key codes are pygame's; the arrows are written out because importing pygame opens it.
RIGHT, LEFT, DOWN, UP = 1073741903, 1073741904, 1073741905, 1073741906
KEYS: dict[int | str, tuple[int, float]] = {
    "w": (0, 1.0),
    "s": (0, -1.0),
    "a": (1, 1.0),
    "d": (1, -1.0),
    LEFT: (2, 1.0),
    RIGHT: (2, -1.0),
    UP: (3, 1.0),
    DOWN: (3, -1.0),
}
"""Key to the action's component and sign."""
NO_KEY = ""
"""`play` turns a string into its letters, so the empty one stands for "no key is down"; without it `play` would send
the integer 0, which is no action of this environment."""


def keys_to_action() -> dict[Any, Array]:
    """Every combination of keys, none included, with its action; opposite keys cancel."""
    mapping: dict[Any, Array] = {NO_KEY: np.zeros(4, dtype=np.float32)}
    for count in range(1, len(KEYS) + 1):
        for pressed in combinations(KEYS, count):
            action = np.zeros(4, dtype=np.float32)
            for key in pressed:
                component, sign = KEYS[key]
                action[component] += sign
            mapping[pressed] = action
    return mapping
