"""The files of a recording, in a folder or in a zip: read by name, never unpacked, each with a largest size."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import CaptureError

LARGEST = 256 * 2**20
LARGEST_FILM = 8 * 2**30
ARCHIVES = (".zip", ".r3d")
CAPTURE = "capture.json"
_UNREADABLE = (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError)


@dataclass(frozen=True)
class SourceFiles:
    """The files below one place of a folder or zip; names are relative to it, with slashes."""

    root: Path
    """The folder or the zip."""
    prefix: str = ""
    """Where inside of it, empty or with a slash at its end."""

    @property
    def is_archive(self) -> bool:
        """Whether the root is a zip."""
        return self.root.is_file()

    @property
    def where(self) -> str:
        """The place, for messages."""
        if self.is_archive:
            return f"{self.root}{f', {self.prefix[:-1]}' if self.prefix else ''}"
        return str(self.root / self.prefix)

    @property
    def name(self) -> str:
        """A short name of the place."""
        return self.prefix[:-1].rpartition("/")[2] or self.root.stem

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All files, sorted. Raises CaptureError where the zip is none."""
        if not self.is_archive:
            found = (path for path in (self.root / self.prefix).rglob("*") if path.is_file())
            return tuple(sorted(path.relative_to(self.root / self.prefix).as_posix() for path in found))
        try:
            with zipfile.ZipFile(self.root) as archive:
                everything = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
        except _UNREADABLE as error:
            raise CaptureError(
                f"{self.root}: cannot be read as a zip ({error}); export the recording again."
            ) from error
        below = (name.removeprefix(self.prefix) for name in everything if name.startswith(self.prefix))
        return tuple(sorted(name for name in below if not name.startswith("__MACOSX/")))

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return name in self._known

    def places(self, marker: str) -> list[SourceFiles]:
        """Every place at or below this one that holds the marker, a file or the beginning of one's path.

        What lies in a capture is no recording: it was taken in before.
        """
        captures = tuple(name.removesuffix(CAPTURE) for name in self.names if name.rpartition("/")[2] == CAPTURE)
        found = set()
        for name in self.names:
            at = 0 if name.startswith(marker) else name.find(f"/{marker}") + 1
            if at or name.startswith(marker):
                found.add(name[:at])
        found = {inner for inner in found if not inner.startswith(captures)} if captures else found
        return [SourceFiles(self.root, self.prefix + inner) for inner in sorted(found)]

    def read(self, name: str, most: int = LARGEST) -> bytes:
        """The bytes of a file; raises CaptureError where it is missing, too large or broken."""
        try:
            if not self.is_archive:
                path = self.root / self.prefix / name
                if path.stat().st_size > most:
                    raise CaptureError(f"{path}: larger than {most} bytes; this is no file of a recording.")
                return path.read_bytes()
            with zipfile.ZipFile(self.root) as archive:
                if archive.getinfo(self.prefix + name).file_size > most:
                    raise CaptureError(f"{self.where}: {name} would unpack to more than {most} bytes.")
                return archive.read(self.prefix + name)
        except (FileNotFoundError, KeyError) as error:
            raise CaptureError(f"{self.where}: {name} is missing; export the recording again.") from error
        except _UNREADABLE as error:
            raise CaptureError(f"{self.where}: {name} cannot be read ({error}); export the recording again.") from error

    def stream(self, name: str) -> str | io.BytesIO:
        """What a decoder of films opens: a path, or the unpacked bytes where it lies in a zip."""
        if self.is_archive:
            return io.BytesIO(self.read(name, LARGEST_FILM))
        path = self.root / self.prefix / name
        if not path.is_file():
            raise CaptureError(f"{self.where}: {name} is missing; copy the whole recording again.")
        return str(path)

    def json(self, name: str) -> dict[str, Any]:
        """A file that holds a JSON object."""
        try:
            value = json.loads(self.read(name))
        except (ValueError, RecursionError) as error:
            raise CaptureError(f"{self.where}: {name} is no JSON ({error}).") from error
        if not isinstance(value, dict):
            raise CaptureError(f"{self.where}: {name} holds {type(value).__name__}, must be an object.")
        return value

    def table(self, name: str, columns: int) -> list[list[str]]:
        """The rows of a text table of at least so many columns, without comments (#) and empty lines."""
        lines = self.read(name).decode("utf-8", "replace").splitlines()
        rows = [line.replace(",", " ").split() for line in lines]
        rows = [row for row in rows if row and not row[0].startswith("#")]
        for number, row in enumerate(rows, 1):
            if len(row) < columns:
                raise CaptureError(f"{self.where}: row {number} of {name} has {len(row)} columns, must have {columns}.")
        return rows

    def matrix(self, name: str, shapes: Sequence[tuple[int, int]]) -> Array:
        """A file that holds a matrix of numbers of one of these shapes, separated by commas or blanks."""
        try:
            rows = self.read(name).decode("utf-8", "replace").replace(",", " ").splitlines()
            value = np.array([[float(word) for word in row.split()] for row in rows if row.strip()])
        except ValueError as error:
            raise CaptureError(f"{self.where}: {name} is no matrix of numbers ({error}).") from error
        if value.shape not in shapes:
            raise CaptureError(f"{self.where}: {name} holds a matrix of shape {value.shape}, must be {list(shapes)}.")
        return value

    def numbered(self, folder: str, *suffixes: str) -> dict[int, str]:
        """Files directly in a folder whose name is a number, by that number."""
        found = {}
        for name in self.names:
            inside, _, last = name.rpartition("/")
            file = Path(last)
            if inside == folder and file.suffix.lower() in suffixes and file.stem.isdecimal():
                found[int(file.stem)] = name
        return found

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.names)


def places_in(source: Path, marker: str) -> tuple[list[SourceFiles], dict[str, str]]:
    """Every place of a recording at a path: a zip, a folder, and zips directly in that folder.

    Returns:
        The places, and why a zip among several could not be read, by its name.

    Raises:
        CaptureError: If there is nothing at the path, or it is a file that is no zip.
    """
    if not source.exists():
        raise CaptureError(f"{source}: there is no such file or folder.")
    if source.is_file() and not zipfile.is_zipfile(source):
        raise CaptureError(f"{source}: is neither a folder nor a zip; name the folder that the recording lies in.")
    places, refused = SourceFiles(source).places(marker), {}
    if source.is_dir():
        for path in sorted(source.iterdir()):
            if path.suffix.lower() in ARCHIVES and path.is_file():
                try:
                    places += SourceFiles(path).places(marker)
                except CaptureError as error:
                    refused[path.stem] = str(error)
    return places, refused
