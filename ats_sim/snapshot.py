"""A world's state as one portable blob: named arrays in an npz, nothing pickled, the same bytes for the same state."""

import io
import json
import zipfile
from collections.abc import Mapping

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ConfigError

SNAPSHOT_FORMAT = "ats-snapshot/2"
MAX_SNAPSHOT_BYTES = 64 * 2**20


def pack(state: Mapping[str, Array]) -> bytes:
    """Write named arrays as bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in {"format": np.array(SNAPSHOT_FORMAT), **state}.items():
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            with archive.open(entry, "w") as stream:
                np.lib.format.write_array(stream, np.asanyarray(array), allow_pickle=False)
    return buffer.getvalue()


def unpack(blob: bytes) -> dict[str, Array]:
    """Read what `pack` wrote.

    Raises:
        ConfigError: If the bytes are no snapshot of this version.
    """
    if not isinstance(blob, bytes) or len(blob) > MAX_SNAPSHOT_BYTES:
        raise ConfigError(f"snapshot: want bytes of at most {MAX_SNAPSHOT_BYTES}, got {type(blob).__name__}")
    try:
        with zipfile.ZipFile(io.BytesIO(blob)) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise ConfigError("snapshot: compressed entries; this is no snapshot that a world wrote")
            state = {entry.filename.removesuffix(".npy"): _array(archive.read(entry)) for entry in archive.infolist()}
    except (OSError, ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile, MemoryError) as broken:
        raise ConfigError(f"snapshot: damaged ({broken})") from broken
    if str(state.pop("format", "")) != SNAPSHOT_FORMAT:
        raise ConfigError(f"snapshot: not of format {SNAPSHOT_FORMAT!r}")
    return state


def _array(data: bytes) -> Array:
    return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)


def own_part(stored: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    """The entries whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in stored.items() if name.startswith(prefix)}


def pack_rng(rng: np.random.Generator) -> Array:
    """State of a generator as JSON bytes (uint8)."""
    text = json.dumps(rng.bit_generator.state, sort_keys=True)
    return np.frombuffer(text.encode(), dtype=np.uint8).copy()


def unpack_rng(stored: Array) -> np.random.Generator:
    """A generator that continues where the packed one stood.

    Raises:
        ConfigError: If the bytes hold no state of a PCG64 generator.
    """
    rng = np.random.Generator(np.random.PCG64())
    try:
        rng.bit_generator.state = json.loads(stored.astype(np.uint8).tobytes())
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise ConfigError(f"snapshot: no state of a random generator ({error})") from error
    return rng
