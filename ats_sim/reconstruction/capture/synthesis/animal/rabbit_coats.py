"""Coats of the rabbit: agouti, Dutch (white before, dark behind), fawn, and white with dark points."""

from __future__ import annotations

from functools import partial

from ats_sim.reconstruction.capture.synthesis.animal.coat import Color, Marking, Pattern, draw_pattern

_TRUNK = ("root", "spine")


def _underside(color: Color) -> tuple[Marking, ...]:
    """Belly, chin, ring of the eye and the underside of the tail."""
    return (
        Marking(color, (*_TRUNK, "thigh"), centre=(0.0, 0.0, -0.08), radii=(0.18, 0.09, 0.05), facing=(0, 0, -1)),
        Marking(color, ("head",), centre=(0.195, 0.0, 0.018), radii=(0.045, 0.05, 0.020)),
        Marking(color, ("head",), centre=(0.186, 0.030, 0.064), radii=(0.020, 0.016, 0.018), strength=0.6),
        Marking(color, ("tail",), facing=(-1, 0, 0)),
    )


def _inner_ears(color: Color) -> Marking:
    return Marking(
        color, ("head",), centre=(0.124, 0.026, 0.142), radii=(0.04, 0.016, 0.044), facing=(0.9, 0.44, 0), strength=0.8
    )


def _ears(color: Color, strength: float = 1.0) -> Marking:
    return Marking(color, ("head",), centre=(0.120, 0.028, 0.150), radii=(0.06, 0.06, 0.062), strength=strength)


_WHITE: Color = (240, 236, 228)
_PINK: Color = (222, 172, 160)
_DARK: Color = (78, 64, 58)

_PATTERNS = (
    Pattern(
        base=(142, 114, 84),
        markings=(
            Marking((84, 64, 48), _TRUNK, (-0.02, 0.0, 0.085), (0.14, 0.04, 0.05), strength=0.6),
            Marking((184, 122, 70), ("spine3", "spine2"), (0.090, 0.0, 0.060), (0.045, 0.05, 0.040), strength=0.8),
            *_underside((230, 218, 202)),
            _ears((108, 84, 62), 0.5),
            _inner_ears(_PINK),
        ),
        nose=(196, 150, 138),
    ),
    Pattern(
        base=(52, 46, 46),
        markings=(
            Marking(_WHITE, ("spine", "shoulder", "arm"), (0.108, 0.0, 0.0), (0.085, 9.0, 9.0)),
            Marking(_WHITE, ("front_paw", "hind_paw")),
            Marking(_WHITE, ("head",), centre=(0.225, 0.0, 0.040), radii=(0.042, 0.05, 0.045)),
            Marking(_WHITE, ("head",), centre=(0.195, 0.0, 0.085), radii=(0.06, 0.010, 0.05)),
        ),
        nose=(206, 150, 144),
    ),
    Pattern(
        base=(206, 152, 98),
        markings=(*_underside((244, 228, 204)), _inner_ears(_PINK)),
        nose=(206, 150, 140),
    ),
    Pattern(
        base=(238, 234, 226),
        markings=(
            _ears(_DARK),
            Marking(_DARK, ("head",), centre=(0.232, 0.0, 0.036), radii=(0.030, 0.03, 0.030), strength=0.9),
            Marking(_DARK, ("paw",), strength=0.85),
            Marking(_DARK, ("tail",), strength=0.85),
            _inner_ears((176, 132, 122)),
        ),
        iris=(150, 62, 58),
    ),
)

draw_rabbit_coat = partial(draw_pattern, _PATTERNS)
