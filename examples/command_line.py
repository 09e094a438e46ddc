"""What the examples ask on the command line, and how they say in one sentence what is wrong with an answer."""

import argparse
import importlib.util
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ats_sim.errors import AtsError

BAD_INPUT = 2
SHORTEST = 0.1
"""Seconds of a step of the simulator."""


@contextmanager
def plain_errors() -> Iterator[None]:
    """Say what ats-sim complains about (a home that is not there, an unknown video) and leave with exit code 2."""
    try:
        yield
    except AtsError as error:
        refuse(str(error))


def require(module: str, extra: str) -> None:
    """Leave with the line that installs a package where it is missing."""
    if importlib.util.find_spec(module) is None:
        refuse(f'this example needs {module}: pip install -e ".[{extra}]"')


def refuse(sentence: str) -> None:
    """Say what is wrong on stderr and leave with exit code 2."""
    print(sentence, file=sys.stderr)
    raise SystemExit(BAD_INPUT)


def seconds(text: str) -> float:
    """A time that holds a step, for argparse."""
    return _at_least(_number(text, float), SHORTEST)


def minutes(text: str) -> float:
    """A time in minutes, for argparse."""
    return _at_least(_number(text, float), 0.01)


def moment(text: str) -> float:
    """A time from 0 on, for argparse."""
    return _at_least(_number(text, float), 0.0)


def count(text: str) -> int:
    """A whole number from 1 on, for argparse."""
    return int(_at_least(_number(text, int), 1))


def natural(text: str) -> int:
    """A whole number from 0 on, for argparse."""
    return int(_at_least(_number(text, int), 0))


def _number(text: str, kind: type[float]) -> float:
    try:
        return kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no {'whole ' if kind is int else ''}number") from None


def _at_least(value: float, least: float) -> float:
    if not least <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{value:g} must be {least:g} or more")
    return value


if __name__ == "__main__":
    print("command_line.py helps the other examples; it does nothing on its own.")
