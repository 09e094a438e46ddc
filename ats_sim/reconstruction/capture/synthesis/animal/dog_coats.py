"""Coats of the dog: red, black and tan, cream, and tricolour."""

from __future__ import annotations

from functools import partial

from ats_sim.reconstruction.capture.synthesis.animal.coat import Color, Marking, Pattern, draw_pattern

_TRUNK = ("root", "spine")
_LEGS = ("forearm", "hock", "paw")


def _points(color: Color, strength: float = 1.0) -> tuple[Marking, ...]:
    """Belly, chest, cheeks, muzzle, lower legs and the underside of the tail: what is light in most dogs."""
    return (
        Marking(color, (*_TRUNK, "thigh"), centre=(-0.03, 0.0, -0.12), radii=(0.26, 0.12, 0.09), facing=(0, 0, -1)),
        Marking(color, ("spine3", "upper_arm"), centre=(0.22, 0.0, -0.03), radii=(0.08, 0.06, 0.11), strength=strength),
        Marking(color, ("head",), centre=(0.336, 0.048, 0.110), radii=(0.060, 0.030, 0.034), strength=strength),
        Marking(color, ("head",), centre=(0.401, 0.0, 0.097), radii=(0.065, 0.060, 0.024), strength=strength),
        Marking(color, _LEGS, centre=(0.0, 0.0, -0.34), radii=(9.0, 9.0, 0.11), strength=strength),
    )


def _inner_ears(color: Color) -> Marking:
    return Marking(
        color, ("head",), centre=(0.306, 0.036, 0.224), radii=(0.03, 0.022, 0.032), facing=(1, 0, 0), strength=0.8
    )


_WHITE: Color = (238, 230, 216)
_TAN: Color = (180, 112, 58)
_BROWS = Marking(_TAN, ("head",), centre=(0.358, 0.018, 0.188), radii=(0.016, 0.010, 0.010))

_PATTERNS = (
    Pattern(
        base=(192, 122, 64),
        markings=(
            Marking((148, 84, 44), ("spine", "root"), (-0.02, 0.0, 0.10), (0.25, 0.035, 0.05), strength=0.6),
            *_points(_WHITE, 0.95),
            _inner_ears((226, 190, 166)),
        ),
    ),
    Pattern(base=(42, 38, 38), markings=(*_points(_TAN), _BROWS, _inner_ears((120, 84, 64)))),
    Pattern(base=(226, 204, 164), markings=(*_points((246, 238, 222)), _inner_ears((232, 196, 178)))),
    Pattern(
        base=(184, 116, 62),
        markings=(
            Marking((44, 38, 36), (*_TRUNK, "thigh", "tail1"), (-0.03, 0.0, 0.06), (0.24, 0.16, 0.105)),
            *_points(_WHITE),
            Marking(_WHITE, ("forearm", "paw", "hock"), centre=(0.0, 0.0, -0.30), radii=(9.0, 9.0, 0.17)),
            Marking(_WHITE, ("head",), centre=(0.386, 0.0, 0.162), radii=(0.07, 0.011, 0.06)),
            Marking(_WHITE, ("tail",), centre=(-0.45, 0.0, -0.02), radii=(0.10, 9.0, 9.0)),
            _inner_ears((206, 160, 140)),
        ),
    ),
)

draw_dog_coat = partial(draw_pattern, _PATTERNS)
