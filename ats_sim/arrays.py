"""Arrays at the borders of the house: one check for shape and finiteness."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ats_sim.errors import ArrayError

Array = NDArray[Any]


def checked(name: str, value: object, shape: Sequence[int | None], *, dtype: DTypeLike = np.float64) -> Array:
    """Turn a value into an array of the given shape and dtype, or say what is wrong with it.

    Args:
        name: What the array is called in the error message.
        value: Anything `np.asarray` takes.
        shape: Wanted shape; None stands for any length.
        dtype: Wanted dtype.

    Returns:
        The array, of the wanted shape and dtype; copied only where the conversion must.

    Raises:
        ArrayError: If the value is no array of numbers, has another shape, or holds NaN or infinity.
    """
    try:
        with np.errstate(all="ignore"):  # what does not fit the dtype becomes infinite, and is refused below
            array = np.asarray(value, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise ArrayError(f"{name}: not an array of numbers ({error})") from error
    wanted = tuple(shape)
    if array.ndim != len(wanted) or any(w is not None and w != n for w, n in zip(wanted, array.shape, strict=True)):
        printed = "(" + ", ".join("any" if w is None else str(w) for w in wanted) + ")"
        raise ArrayError(f"{name}: shape {array.shape}, want {printed}")
    if not np.isfinite(array).all():
        first = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ArrayError(f"{name}: not finite at index {first}")
    return array
