"""A world's state as one portable blob: named arrays in an npz, nothing pickled, the same bytes for the same state."""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ConfigError

SNAPSHOT_FORMAT = "ats-snapshot/4"
MAX_SNAPSHOT_BYTES = 64 * 2**20
LOCAL_HEADER, LOCAL_NAME = 30, 26  # bytes of a zip's local header, and where in it the lengths of name and extra stand
NPY_HEADER = 10  # bytes of an npy file before its header, which end with its length
KNOWN_HEADERS = 256
DAMAGES = (OSError, ValueError, TypeError, EOFError, NotImplementedError, MemoryError, struct.error, zipfile.BadZipFile)
"""What reading bytes that are no snapshot may raise."""


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
            entries = archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ConfigError("snapshot: compressed entries; this is no snapshot that a world wrote")
        state = {entry.filename.removesuffix(".npy"): _array(_stored(blob, entry)) for entry in entries}
    except DAMAGES as broken:
        raise ConfigError(f"snapshot: damaged ({broken})") from broken
    if str(state.pop("format", "")) != SNAPSHOT_FORMAT:
        raise ConfigError(f"snapshot: not of format {SNAPSHOT_FORMAT!r}")
    return state


def _stored(blob: bytes, entry: zipfile.ZipInfo) -> bytes:
    """The bytes of an entry as they lie in the archive; `ZipFile.read` takes ten times as long to get there."""
    name, extra = struct.unpack_from("<HH", blob, entry.header_offset + LOCAL_NAME)
    start = entry.header_offset + LOCAL_HEADER + name + extra
    data = blob[start : start + entry.file_size]
    if zlib.crc32(data) != entry.CRC:
        raise zipfile.BadZipFile(f"wrong checksum of {entry.filename!r}")
    return data


def _array(data: bytes) -> Array:
    """The array of an npy file."""
    start = NPY_HEADER + int.from_bytes(data[NPY_HEADER - 2 : NPY_HEADER], "little")
    shape, is_fortran, dtype = _described(data[:start])
    if dtype.hasobject:
        raise ValueError("pickled objects")
    return np.ndarray(shape, dtype, data, start, order="F" if is_fortran else "C").copy()


@lru_cache(KNOWN_HEADERS)
def _described(header: bytes) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, order and type that an npy header tells; parsing the same few again and again took half of a restore."""
    stream = io.BytesIO(header)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("another version of npy")
    return np.lib.format.read_array_header_1_0(stream)


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
