"""What the page may say: small JSON objects, each checked completely before anything is done with it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ats_sim.errors import ConfigError
from ats_sim.play.head import Head
from ats_sim.play.keys import ALL_NAMES

LARGEST = 64 * 1024
"""Bytes of the largest message that is taken."""
SMALLEST_PICTURE, LARGEST_PICTURE = (64, 48), (1920, 1200)
FARTHEST = 1e4
"""Metres from the world's origin beyond which nothing is."""


@dataclass(frozen=True)
class Press:
    """A key went down or up."""

    name: str
    """Its name in the table of keys."""
    is_down: bool
    """Down or up."""


@dataclass(frozen=True)
class Move:
    """The mouse moved."""

    across: float
    """Pixels to the right."""
    down: float
    """Pixels down."""


@dataclass(frozen=True)
class Button:
    """A mouse button went down or up."""

    is_right: bool
    """The right one, or the left."""
    is_down: bool
    """Down or up."""
    across: float
    """Where, 0 to 1 from the left."""
    down: float
    """Where, 0 to 1 from the top."""


@dataclass(frozen=True)
class Point:
    """The animal is sent to what a hand or the mouse points at."""

    start: tuple[float, float, float]
    """Where the ray begins, world frame, metres."""
    direction: tuple[float, float, float]
    """Where it leads, world frame, any length above 0.01."""


@dataclass(frozen=True)
class Capture:
    """The browser gave the mouse to the page, or took it back."""

    is_on: bool
    """Whether the mouse looks all the time."""


@dataclass(frozen=True)
class Resize:
    """The page has room for a picture of this size."""

    width: int
    """Pixels."""
    height: int
    """Pixels."""


@dataclass(frozen=True)
class Blur:
    """The page lost the keyboard: every key is up."""


@dataclass(frozen=True)
class Ack:
    """The last picture is on the screen; the next may come."""


@dataclass(frozen=True)
class Visible:
    """The tab was shown or hidden."""

    is_on: bool
    """Shown or hidden."""


Input = Press | Move | Button | Point | Head | Capture | Resize | Blur
Message = Input | Ack | Visible


def read_message(text: str | bytes) -> Message:
    """Understand a message of the page; ConfigError says what is wrong with it."""
    if isinstance(text, bytes) or len(text) > LARGEST:
        raise ConfigError("message: want text of at most 64 KiB")
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"message: no JSON ({error})") from error
    kind = plain.get("type") if isinstance(plain, dict) else None
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise ConfigError(f"message: type {str(kind)[:40]!r}, want one of {', '.join(_READERS)}")
    try:
        return reader(plain)
    except KeyError as missing:
        raise ConfigError(f"message {kind}: {missing} is missing") from missing


def _press(plain: Mapping[str, Any]) -> Press:
    name = plain["key"]
    if not isinstance(name, str) or name not in ALL_NAMES:
        raise ConfigError(f"message key: {str(name)[:40]!r} is no key of the table")
    return Press(name, _flag(plain, "down"))


def _button(plain: Mapping[str, Any]) -> Button:
    across, down = (_number(plain, name, 0.0, 1.0) for name in ("x", "y"))
    return Button(_flag(plain, "right"), _flag(plain, "down"), across, down)


def _point(plain: Mapping[str, Any]) -> Point:
    x, y, z = _vector(plain, "from", 3, FARTHEST)
    along = _vector(plain, "along", 3, 1.0)
    if math.hypot(*along) < 0.01:
        raise ConfigError(f"message point: along is {along}, want a direction")
    return Point((x, y, z), (along[0], along[1], along[2]))


def _head(plain: Mapping[str, Any]) -> Head:
    yaw, pitch = _number(plain, "yaw", -math.pi, math.pi), _number(plain, "pitch", -math.pi, math.pi)
    forward, left = _number(plain, "forward", -1.0, 1.0), _number(plain, "left", -1.0, 1.0)
    x, y = _vector(plain, "roamed", 2, FARTHEST)
    return Head(yaw, pitch, forward, left, (x, y), _flag(plain, "crouched"))


def _resize(plain: Mapping[str, Any]) -> Resize:
    width, height = (
        round(min(max(_number(plain, name, 0.0, 1e5), least), most))
        for name, least, most in zip(("width", "height"), SMALLEST_PICTURE, LARGEST_PICTURE, strict=True)
    )
    return Resize(width, height)


def _flag(plain: Mapping[str, Any], name: str) -> bool:
    value = plain[name]
    if not isinstance(value, bool):
        raise ConfigError(f"message: {name} is {str(value)[:40]!r}, want true or false")
    return value


def _vector(plain: Mapping[str, Any], name: str, count: int, most: float) -> list[float]:
    values = plain[name]
    if not isinstance(values, list) or len(values) != count:
        raise ConfigError(f"message: {name} is {str(values)[:40]!r}, want {count} numbers")
    return [_number({name: value}, name, -most, most) for value in values]


def _number(plain: Mapping[str, Any], name: str, least: float, most: float) -> float:
    value = plain[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e9 or not math.isfinite(value):
        raise ConfigError(f"message: {name} is {str(value)[:40]!r}, want a number")
    return float(min(max(value, least), most))


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Message]] = {
    "key": _press,
    "move": lambda plain: Move(_number(plain, "dx", -4000.0, 4000.0), _number(plain, "dy", -4000.0, 4000.0)),
    "button": _button,
    "point": _point,
    "head": _head,
    "capture": lambda plain: Capture(_flag(plain, "on")),
    "size": _resize,
    "blur": lambda _: Blur(),
    "ack": lambda _: Ack(),
    "visible": lambda plain: Visible(_flag(plain, "on")),
}
