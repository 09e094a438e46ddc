"""What is made of a thing once and shared by all who ask, such as the worlds of one home."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

Thing = TypeVar("Thing")
Made = TypeVar("Made")


def remembered(make: Callable[[Thing], Made]) -> Callable[[Thing], Made]:
    """Let a function of one thing run once for each; what it made is forgotten with the thing."""
    made: WeakKeyDictionary[Thing, Made] = WeakKeyDictionary()

    @wraps(make)
    def known(thing: Thing) -> Made:
        if thing not in made:
            made[thing] = make(thing)
        return made[thing]

    return known
