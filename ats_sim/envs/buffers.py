"""Batches of named arrays that lie in one piece of memory, so that processes can share them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ats_sim.arrays import Array

ALIGNMENT = 64


@dataclass(frozen=True)
class Field:
    """One named array of a batch."""

    shape: tuple[int, ...]
    """Shape of one row."""
    dtype: str
    """NumPy's name of the type."""

    @classmethod
    def like(cls, value: Any) -> "Field":
        """The field that holds values such as this array, float, int or bool."""
        array = np.asarray(value)
        return cls(array.shape, array.dtype.str)

    @classmethod
    def of(cls, shape: tuple[int, ...], dtype: DTypeLike) -> "Field":
        """A field of a shape and type."""
        return cls(shape, np.dtype(dtype).str)


Layout = Mapping[str, Field]


def flattened(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The leaves of a nested dict, named by their path: {"a": {"b": 1}} becomes {"a/b": 1}."""
    leaves: dict[str, Any] = {}
    for name, value in tree.items():
        leaves |= flattened(value, f"{prefix}{name}/") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return leaves


def bytes_of(layout: Layout, count: int) -> int:
    """Bytes that a batch of `count` rows needs."""
    return sum(_padded(field, count) for field in layout.values())


def arrays_in(memory: Any, layout: Layout, count: int) -> dict[str, Array]:
    """Views (count, *shape) of a buffer of `bytes_of` bytes, zero where nothing was written yet."""
    arrays, offset = {}, 0
    for name, field in layout.items():
        shape = (count, *field.shape)
        flat = np.frombuffer(memory, field.dtype, count=int(np.prod(shape)), offset=offset)
        arrays[name] = flat.reshape(shape)
        offset += _padded(field, count)
    return arrays


def _padded(field: Field, count: int) -> int:
    size = count * int(np.prod(field.shape)) * np.dtype(field.dtype).itemsize
    return -(-size // ALIGNMENT) * ALIGNMENT
