"""A walk on disk: a line per thing that changed the world, with a digest of the state it led to.

The first line is the header (`ats-walk/1`). Every further line is an event and the first 16 hex digits of the SHA-256
of the world's state after it; at the beginning, every 50 steps and at the end a line of its own holds all 64. Lines are
written whole, one by one, so that a walk which is killed is known up to its last line and has no line with `end`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ats_sim import __version__
from ats_sim.arrays import Array
from ats_sim.errors import AtsError, ConfigError
from ats_sim.play.events import Event, Step, read_event, written

FORMAT = "ats-walk/1"
CHECK_EVERY = 50
"""Steps between two lines with a whole digest."""
SHORT = 16
"""Hex digits of the digest beside every event."""
LONGEST_LINE = 4096


@dataclass(frozen=True)
class Header:
    """What a walk was walked in."""

    home: str
    """The home as it was opened: default, a folder or a .zip."""
    fingerprint: str
    """SHA-256 of the home's manifest."""
    agents: int
    """How many agents lived there."""
    seed: int
    """What everything random followed from."""
    version: str = __version__
    """The ats-sim that wrote it."""


@dataclass(frozen=True)
class Line:
    """One line after the header."""

    number: int
    """Its number in the file; the header has number 1."""
    event: Event | None
    """What was done; None for a line that only checks."""
    digest: str
    """Hex digits that the state's SHA-256 then began with."""
    is_last: bool = False
    """Whether the walk ended here, in good order."""


def digest(state: Mapping[str, Array]) -> str:
    """SHA-256 (64 hex digits) of named arrays: names, types, shapes and every bit."""
    total = hashlib.sha256()
    for name in sorted(state):
        array = np.ascontiguousarray(state[name])
        total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        total.update(array.tobytes())
    return total.hexdigest()


class WalkLog:
    """Writes a walk while it is walked."""

    def __init__(self, path: Path, header: Header, state: Mapping[str, Array]) -> None:
        """Begin the file in a state.

        Raises:
            ConfigError: If something is in the file already: it may be somebody's only copy of a walk.
            OSError: Where it cannot be written.
        """
        if path.is_file() and path.stat().st_size > 0:
            raise ConfigError(f"--log {path}: there already; choose another name, or delete it first")
        self._stream: TextIO = path.open("w", encoding="utf-8", buffering=1)
        self._steps = 0
        self._write({"format": FORMAT, **asdict(header)})
        self._write({"check": digest(state)})

    def note(self, event: Event, state: Mapping[str, Array]) -> None:
        """Write what was done and the state it led to."""
        whole = digest(state)
        self._write({**written(event), "state": whole[:SHORT]})
        if isinstance(event, Step):
            self._steps += 1
            if self._steps % CHECK_EVERY == 0:
                self._write({"check": whole})

    def close(self, state: Mapping[str, Array]) -> None:
        """Write the last line; calling it again changes nothing."""
        if not self._stream.closed:
            self._write({"check": digest(state), "end": True})
            self._stream.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        self._stream.write(json.dumps(line, allow_nan=False) + "\n")


def read_header(path: Path) -> Header:
    """The first line of a walk.

    Raises:
        ConfigError: If the file is missing or its first line is no header of this format.
    """
    for _, plain in _plain_lines(path):
        if plain.get("format") != FORMAT:
            raise ConfigError(f"{path}, line 1: format {str(plain.get('format'))[:40]!r}, want {FORMAT!r}")
        kinds = {"home": str, "fingerprint": str, "agents": int, "seed": int, "version": str}
        for name, kind in kinds.items():
            if not isinstance(plain.get(name), kind) or isinstance(plain.get(name), bool):
                raise ConfigError(f"{path}, line 1: {name} is {str(plain.get(name))[:40]!r}, want {kind.__name__}")
        return Header(**{name: plain[name] for name in kinds})
    raise ConfigError(f"{path}: empty, want a walk that `ats play --log` wrote")


def read_lines(path: Path) -> Iterator[Line]:
    """The lines after the header, in order.

    A last line that was cut off is left out; `is_cut_off` tells.

    Raises:
        ConfigError: With the number of the line that cannot be understood.
    """
    for number, plain in _plain_lines(path):
        if number == 1:
            continue
        try:
            if "check" in plain:
                yield Line(number, None, _hex(plain["check"], 64), plain.get("end") is True)
            else:
                yield Line(number, read_event(plain), _hex(plain.get("state"), SHORT))
        except AtsError as error:
            raise ConfigError(f"{path}, line {number}: {error}") from error


def is_cut_off(path: Path) -> bool:
    """Whether the file ends in the middle of a line; OSError where it cannot be read."""
    with Path(path).open("rb") as stream:
        stream.seek(-1, 2)
        return stream.read(1) != b"\n"


def _plain_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers and JSON objects; ConfigError for the first line that is none."""
    try:
        with Path(path).open("rb") as stream:
            for number, raw in enumerate(iter(lambda: stream.readline(LONGEST_LINE), b""), start=1):
                is_whole = raw.endswith(b"\n")
                if not is_whole and number > 1 and len(raw) < LONGEST_LINE:
                    return
                yield number, _plain(path, number, raw, is_whole)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error


def _plain(path: Path, number: int, raw: bytes, is_whole: bool) -> dict[str, Any]:
    try:
        plain = json.loads(raw.decode(), parse_constant=_refuse) if is_whole else None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}, line {number}: no JSON ({error})") from error
    if not isinstance(plain, dict):
        raise ConfigError(f"{path}, line {number}: want one JSON object of at most {LONGEST_LINE} bytes")
    return plain


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _hex(value: object, length: int) -> str:
    if not isinstance(value, str) or len(value) != length or not set(value) <= set("0123456789abcdef"):
        raise ConfigError(f"digest {str(value)[:70]!r}, want {length} hex digits")
    return value
