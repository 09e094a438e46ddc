"""The binary glTF container (GLB 2.0): chunks, buffer views and accessors, written and strictly read.

Knows nothing of meshes or axes; `ats_sim.gltf` does. The reader takes self-contained files alone: a file that points to
other files (`uri`), needs unknown extensions or claims more than is there is refused.
"""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import HomeError
from ats_sim.files import atomic_path

MAX_GLB_BYTES = 512 * 2**20
MAGIC, JSON_CHUNK, BIN_CHUNK = 0x46546C67, 0x4E4F534A, 0x004E4942
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
DTYPES: dict[int, type[np.generic]] = {
    5120: np.int8,
    5121: np.uint8,
    5122: np.int16,
    5123: np.uint16,
    5125: np.uint32,
    5126: np.float32,
}
COMPONENTS = {np.dtype(dtype): code for code, dtype in DTYPES.items()}
SHAPES: dict[str, tuple[int, ...]] = {"SCALAR": (), "VEC2": (2,), "VEC3": (3,), "VEC4": (4,), "MAT4": (4, 4)}
TYPES = {shape: name for name, shape in SHAPES.items()}


class GlbWriter:
    """Collects arrays into one buffer beside a JSON document that the caller fills."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {"asset": {"version": "2.0", "generator": "ats-sim"}}
        self._blob = bytearray()

    def add(self, section: str, entry: dict[str, Any]) -> int:
        """Append an entry to a top-level list (`nodes`, `meshes`, ...) and return its index."""
        entries: list[dict[str, Any]] = self.document.setdefault(section, [])
        entries.append(entry)
        return len(entries) - 1

    def view(self, data: bytes, target: int | None = None) -> int:
        """Store bytes, aligned to four, and return their buffer view's index."""
        self._blob.extend(b"\0" * (-len(self._blob) % 4))
        view: dict[str, Any] = {"buffer": 0, "byteOffset": len(self._blob), "byteLength": len(data)}
        if target is not None:
            view["target"] = target
        self._blob.extend(data)
        return self.add("bufferViews", view)

    def array(self, values: Array, *, target: int | None = None, bounds: bool = False, normalized: bool = False) -> int:
        """Store an array (N, ...) as an accessor and return its index.

        4x4 matrices are stored column-major, as glTF has them. `bounds` adds min and max, which the standard demands of
        positions and key-frame times.
        """
        stored = np.ascontiguousarray(np.swapaxes(values, -1, -2) if values.shape[1:] == (4, 4) else values)
        accessor: dict[str, Any] = {
            "bufferView": self.view(stored.tobytes(), target),
            "componentType": COMPONENTS[stored.dtype],
            "count": len(stored),
            "type": TYPES[values.shape[1:]],
        }
        if normalized:
            accessor["normalized"] = True
        if bounds:
            flat = stored.reshape(len(stored), -1)
            accessor |= {"min": flat.min(0).tolist(), "max": flat.max(0).tolist()}
        return self.add("accessors", accessor)

    def write(self, path: Path) -> None:
        """Write the file, atomically."""
        self._blob.extend(b"\0" * (-len(self._blob) % 4))
        self.document["buffers"] = [{"byteLength": len(self._blob)}]
        text = json.dumps(self.document, separators=(",", ":"), allow_nan=False).encode()
        text += b" " * (-len(text) % 4)
        header = struct.pack("<III", MAGIC, 2, 12 + 8 + len(text) + 8 + len(self._blob))
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            stream.write(header + struct.pack("<II", len(text), JSON_CHUNK) + text)
            stream.write(struct.pack("<II", len(self._blob), BIN_CHUNK))
            stream.write(self._blob)


class GlbReader:
    """A parsed GLB file; every access is checked against the buffer's true size."""

    def __init__(self, path: Path, document: dict[str, Any], blob: bytes) -> None:
        self.path, self.document, self._blob = path, document, blob

    @classmethod
    def open(cls, path: Path) -> "GlbReader":
        """Read a self-contained GLB 2.0 file.

        Raises:
            HomeError: If the file is missing, too large, truncated, no GLB, or points to other files.
        """
        path = Path(path)
        try:
            if path.stat().st_size > MAX_GLB_BYTES:
                raise HomeError(f"{path}: larger than {MAX_GLB_BYTES} bytes, refusing to read it")
            data = path.read_bytes()
        except OSError as error:
            raise HomeError(f"{path}: cannot be read ({error})") from error
        text, blob = _chunks(path, data)
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise HomeError(f"{path}: its JSON chunk cannot be parsed ({error})") from error
        _check_self_contained(path, document, len(blob))
        return cls(path, document, blob)

    def entry(self, section: str, index: object) -> dict[str, Any]:
        """The entry of a top-level list.

        Raises:
            HomeError: If there is no such entry.
        """
        entries = self.document.get(section)
        if not isinstance(entries, list) or type(index) is not int or not 0 <= index < len(entries):
            raise HomeError(f"{self.path}: there is no {section}[{index!r}]")
        if not isinstance(entries[index], dict):
            raise HomeError(f"{self.path}: {section}[{index}] is no object")
        return dict(entries[index])

    def view(self, index: object) -> bytes:
        """The bytes of a buffer view.

        Raises:
            HomeError: If it reaches beyond the buffer.
        """
        view = self.entry("bufferViews", index)
        offset, length = view.get("byteOffset", 0), view.get("byteLength")
        whole = all(type(n) is int and n >= 0 for n in (offset, length))
        if not whole or offset + length > len(self._blob) or view.get("buffer") != 0:
            raise HomeError(f"{self.path}: bufferViews[{index}] reaches beyond the file's buffer")
        return self._blob[offset : offset + length]

    def array(self, index: object, kind: str, dtypes: tuple[type[np.generic], ...]) -> Array:
        """The array of an accessor of one of the wanted types, as stored (matrices turned row-major).

        Raises:
            HomeError: If type, component type or size are not as wanted, or values are not finite.
        """
        accessor = self.entry("accessors", index)
        name = f"{self.path}: accessors[{index}]"
        dtype, count = DTYPES.get(accessor.get("componentType", 0)), accessor.get("count")
        if accessor.get("type") != kind or dtype not in dtypes or type(count) is not int or count < 1:
            wanted = [d.__name__ for d in dtypes]
            raise HomeError(f"{name}: is {accessor.get('type')} of {dtype} x {count}, want {kind} of {wanted}")
        if "sparse" in accessor or self.entry("bufferViews", accessor.get("bufferView")).get("byteStride") is not None:
            raise HomeError(f"{name}: sparse and interleaved accessors are not supported; export plain ones")
        data, offset, shape = self.view(accessor["bufferView"]), accessor.get("byteOffset", 0), SHAPES[kind]
        size = count * int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        if type(offset) is not int or offset < 0 or offset + size > len(data):
            raise HomeError(f"{name}: {count} x {kind} do not fit into its buffer view of {len(data)} bytes")
        values = np.frombuffer(data, np.dtype(dtype), size // np.dtype(dtype).itemsize, offset).reshape(count, *shape)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise HomeError(f"{name}: holds NaN or infinity")
        return np.swapaxes(values, -1, -2).copy() if kind == "MAT4" else values.copy()


def _chunks(path: Path, data: bytes) -> tuple[bytes, bytes]:
    """Split a GLB into its JSON and its binary chunk."""
    if len(data) < 20:
        raise HomeError(f"{path}: {len(data)} bytes are no GLB file")
    magic, version, length, json_length, json_kind = struct.unpack_from("<IIIII", data)
    if magic != MAGIC or version != 2 or json_kind != JSON_CHUNK:
        raise HomeError(f"{path}: not a GLB 2.0 file (magic {magic:#x}, version {version})")
    if length != len(data) or 20 + json_length > length:
        raise HomeError(f"{path}: truncated: its header says {length} bytes, the file has {len(data)}")
    text, rest = data[20 : 20 + json_length], data[20 + json_length :]
    if not rest:
        return text, b""
    if len(rest) < 8:
        raise HomeError(f"{path}: a stump of {len(rest)} bytes follows its JSON chunk")
    bin_length, bin_kind = struct.unpack_from("<II", rest)
    if bin_kind != BIN_CHUNK or 8 + bin_length != len(rest):
        raise HomeError(f"{path}: its binary chunk says {bin_length} bytes, {len(rest) - 8} are there")
    return text, rest[8:]


def _check_self_contained(path: Path, document: object, blob_size: int) -> None:
    if not isinstance(document, dict):
        raise HomeError(f"{path}: its JSON chunk is no object")
    unknown = document.get("extensionsRequired") or []
    if unknown:
        raise HomeError(f"{path}: needs the glTF extensions {unknown}, which are not supported")
    buffers = document.get("buffers") or []
    for entry in [*buffers, *(document.get("images") or [])]:
        if not isinstance(entry, dict) or "uri" in entry:
            raise HomeError(f"{path}: points to data outside the file; export a self-contained GLB")
    size = buffers[0].get("byteLength") if len(buffers) == 1 else None
    # The binary chunk may be up to three bytes longer than the buffer: it is padded to four.
    if type(size) is not int or not 0 <= blob_size - size <= 3:
        raise HomeError(f"{path}: {len(buffers)} buffers of {size} bytes, its binary chunk holds {blob_size}")
