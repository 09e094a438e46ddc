"""Everything that changes a walk, as values that can be written down and done again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ats_sim.arrays import checked
from ats_sim.errors import ConfigError

STANCES = ("walk", "run", "crouch")


@dataclass(frozen=True)
class Step:
    """0.1 s pass."""

    action: tuple[float, ...]
    """Forward, left, yaw left, pitch up, each in [-1, 1]."""


@dataclass(frozen=True)
class Stance:
    """The observer walks, runs or crouches from now on."""

    stance: str
    """One of walk, run, crouch."""


@dataclass(frozen=True)
class Goal:
    """The first agent is sent somewhere, or freed."""

    place: tuple[float, ...] | None
    """(3,) place of its root, world frame, metres; None lets it choose again."""


@dataclass(frozen=True)
class Knowing:
    """What the first agent may perceive from now on."""

    scene: bool
    """The home around it."""
    observer: bool
    """The observer."""
    past: bool
    """Its own past."""


@dataclass(frozen=True)
class Reset:
    """The walk begins anew somewhere else."""


@dataclass(frozen=True)
class Rewind:
    """Time goes back."""

    to: int
    """Steps since the last reset at which life goes on."""


Event = Step | Stance | Goal | Knowing | Reset | Rewind
NAMES: Mapping[type, str] = {
    Step: "step", Stance: "stance", Goal: "goal", Knowing: "knowing", Reset: "reset", Rewind: "rewind"
}  # fmt: skip


def written(event: Event) -> dict[str, Any]:
    """The event as plain values; `read_event` reads them back, bit for bit."""
    return {"do": NAMES[type(event)], **asdict(event)}


def read_event(plain: Mapping[str, Any]) -> Event:
    """The event that was written as plain values; ConfigError says what is wrong with them."""
    name = plain.get("do")
    reader = _READERS.get(name) if isinstance(name, str) else None
    if reader is None:
        raise ConfigError(f"nothing is called {name!r}; there are {', '.join(_READERS)}")
    try:
        return reader(plain)
    except KeyError as missing:
        raise ConfigError(f"{name}: {missing} is missing") from missing


def _step(plain: Mapping[str, Any]) -> Step:
    return Step(_numbers("step: action", plain["action"], 4, 1.0))


def _stance(plain: Mapping[str, Any]) -> Stance:
    if plain["stance"] not in STANCES:
        raise ConfigError(f"stance: {plain['stance']!r}, want one of {', '.join(STANCES)}")
    return Stance(plain["stance"])


def _goal(plain: Mapping[str, Any]) -> Goal:
    return Goal(None if plain["place"] is None else _numbers("goal: place", plain["place"], 3, 1e4))


def _knowing(plain: Mapping[str, Any]) -> Knowing:
    switches = {name: plain[name] for name in ("scene", "observer", "past")}
    if not all(isinstance(value, bool) for value in switches.values()):
        raise ConfigError(f"knowing: {switches}, want true or false for each")
    return Knowing(**switches)


def _rewind(plain: Mapping[str, Any]) -> Rewind:
    to = plain["to"]
    if isinstance(to, bool) or not isinstance(to, int) or not 0 <= to < 2**53:
        raise ConfigError(f"rewind: to {str(to)[:40]}, want the number of a step")
    return Rewind(to)


def _numbers(name: str, value: Any, count: int, largest: float) -> tuple[float, ...]:
    """A list of finite plain numbers no larger than that."""
    if not isinstance(value, list) or not all(isinstance(v, float | int) and not isinstance(v, bool) for v in value):
        raise ConfigError(f"{name}: want a list of {count} numbers")
    numbers = checked(name, value, (count,))
    if float(np.abs(numbers).max()) > largest:
        raise ConfigError(f"{name}: {value}, want numbers between {-largest:g} and {largest:g}")
    return tuple(float(number) for number in numbers)


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Event]] = {
    "step": _step,
    "stance": _stance,
    "goal": _goal,
    "knowing": _knowing,
    "reset": lambda _: Reset(),
    "rewind": _rewind,
}
