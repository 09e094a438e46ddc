"""An ONNX graph without the notes in it: exporters write file paths of the machine and source lines into every node.

Only the container is parsed (protocol buffers' wire format; field numbers from onnx.proto), so this needs no package
that the simulator could do without. Numbers, names and the order of everything stay as they are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ats_sim.errors import HomeError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MAX_DEPTH = 40


@dataclass(frozen=True)
class _Kind:
    """What to leave out of a kind of message, and which of its fields are messages themselves."""

    notes: frozenset[int]
    parts: Mapping[int, str]


_KINDS: Mapping[str, _Kind] = {
    # producer name and version, doc_string, metadata_props
    "model": _Kind(frozenset({2, 3, 6, 14}), {7: "graph", 25: "function"}),
    "graph": _Kind(
        frozenset({10, 16}), {1: "node", 5: "tensor", 11: "value", 12: "value", 13: "value", 15: "sparse_tensor"}
    ),
    "node": _Kind(frozenset({6, 9}), {5: "attribute"}),
    "attribute": _Kind(frozenset({13}), {5: "tensor", 6: "graph", 10: "tensor", 11: "graph"}),
    "tensor": _Kind(frozenset({12, 16}), {}),
    "sparse_tensor": _Kind(frozenset(), {1: "tensor", 2: "tensor"}),
    "value": _Kind(frozenset({3, 4}), {}),
    "function": _Kind(frozenset({8, 14}), {7: "node", 11: "attribute", 12: "value"}),
}


def without_metadata(model: bytes) -> bytes:
    """The same model without producer, doc strings and metadata; it computes the same bits.

    Raises:
        HomeError: If the bytes are no protocol buffer.
    """
    return _stripped(model, "model", 0)


def _stripped(message: bytes, name: str, depth: int) -> bytes:
    kind, kept = _KINDS[name], []
    if depth > MAX_DEPTH:
        raise HomeError(f"not an ONNX graph: it nests deeper than {MAX_DEPTH}")
    for number, whole, payload in _fields(message):
        if number in kind.notes:
            continue
        if number in kind.parts and payload is not None:
            inner = _stripped(payload, kind.parts[number], depth + 1)
            whole = _varint(number << 3 | BYTES) + _varint(len(inner)) + inner
        kept.append(whole)
    return b"".join(kept)


def _fields(message: bytes) -> Iterator[tuple[int, bytes, bytes | None]]:
    """Number, all bytes and, where it holds bytes, the content of each field of a message."""
    at = 0
    while at < len(message):
        start = at
        tag, at = _read_varint(message, at)
        kind, payload = tag & 7, None
        if kind == VARINT:
            _, at = _read_varint(message, at)
        elif kind in (FIXED64, FIXED32):
            at += 8 if kind == FIXED64 else 4
        elif kind == BYTES:
            length, at = _read_varint(message, at)
            payload = message[at : at + length]
            at += length
        else:
            raise HomeError(f"not an ONNX graph: byte {start} begins a field of the unknown kind {kind}")
        if at > len(message):
            raise HomeError(f"not an ONNX graph: the field at byte {start} reaches beyond its end")
        yield tag >> 3, message[start:at], payload


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 64:
        value |= (message[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if message[at - 1] < 0x80:
            return value, at
    raise HomeError(f"not an ONNX graph: byte {at} ends in the middle of a number")


def _varint(value: int) -> bytes:
    digits: list[int] = []
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])
