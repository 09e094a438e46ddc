"""Smaller pictures while drawing is too slow, larger ones once it is quick."""

from __future__ import annotations

SLOW, QUICK = 0.060, 0.015
"""Seconds per picture beyond which pictures get smaller, and below which they grow again: about 15 and 60 a second."""
SCALES = (1.0, 0.75, 0.5, 0.35, 0.25)


class Pace:
    """Watches how long pictures take."""

    def __init__(self) -> None:
        """Begin with pictures in full size."""
        self._scale = 0
        self._seconds = 0.02

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Pixels to draw for a picture that is shown at width x height."""
        scale = SCALES[self._scale]
        return max(64, round(width * scale)), max(48, round(height * scale))

    def took(self, seconds: float) -> None:
        """Note what a picture cost."""
        self._seconds += 0.15 * (seconds - self._seconds)
        if self._seconds > SLOW and self._scale < len(SCALES) - 1:
            self._scale += 1
            self._seconds = 0.5 * (SLOW + QUICK)
        elif self._seconds < QUICK and self._scale > 0:
            self._scale -= 1
            self._seconds = 0.5 * (SLOW + QUICK)
