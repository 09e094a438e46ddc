"""Folders and zip files from strangers: names that stay inside, sizes that stay small, bytes that match their hash."""

import shutil
import stat
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ats_sim.errors import HomeError
from ats_sim.files import sha256

MAX_FILES = 1000
MAX_BYTES = 2 * 2**30
MAX_RATIO = 200  # of one member of at least a megabyte; text compresses to a tenth at best
MAX_NAME = 255
CHUNK = 2**20


def refuse_name(name: object, where: str) -> str:
    """Return a relative posix name that cannot leave its folder.

    Raises:
        HomeError: If the name is absolute, holds `..`, a drive, a backslash or a control character, or is too long.
    """
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
        raise HomeError(f"{where}: {name!r:.80} is no file name of 1 to {MAX_NAME} characters")
    parts = name.split("/")
    odd = "\\" in name or ":" in name or any(ord(letter) < 32 for letter in name)
    if odd or name.startswith("/") or any(part in ("", ".", "..") for part in parts):
        raise HomeError(f"{where}: the name {name!r} could leave the folder; only plain relative names are allowed")
    return name


def inside(folder: Path, name: str) -> Path:
    """Return the path of a named regular file in a folder.

    Raises:
        HomeError: If the name could leave the folder, passes through a link, or is no regular file.
    """
    path = folder
    for part in PurePosixPath(refuse_name(name, str(folder))).parts:
        path = path / part
        if path.is_symlink():
            raise HomeError(f"{folder}: {name} passes through the symbolic link {path.name}; links are not followed")
    if not path.is_file():
        raise HomeError(f"{folder}: {name} is missing (or no regular file); build or copy the home again")
    return path


def file_problems(folder: Path, listed: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with each listed file: name, presence, size, SHA-256."""
    if len(listed) > MAX_FILES:
        yield f"{folder}: home.json lists {len(listed)} files, more than {MAX_FILES}"
        return
    for name, entry in listed.items():
        try:
            _verify(folder, name, entry)
        except HomeError as error:
            yield str(error)


def _verify(folder: Path, name: str, entry: object) -> None:
    path = inside(folder, name)
    described = isinstance(entry, dict) and isinstance(entry.get("size"), int) and isinstance(entry.get("sha256"), str)
    if not isinstance(entry, dict) or not described:
        raise HomeError(f"{folder}: home.json gives no size and sha256 for {name}")
    size = path.stat().st_size
    if size != entry["size"]:
        raise HomeError(f"{folder}: {name} has {size} bytes, home.json says {entry['size']}; copy the home again")
    if size > MAX_BYTES:
        raise HomeError(f"{folder}: {name} has {size} bytes, more than {MAX_BYTES}")
    if sha256(path) != entry["sha256"].lower():
        raise HomeError(f"{folder}: {name} does not match its SHA-256 in home.json; it was changed or damaged")


class UnpackedFolder:
    """A temporary folder that lives as long as whoever holds this, or the program."""

    def __init__(self) -> None:
        """Make an empty folder."""
        self.path = Path(tempfile.mkdtemp(prefix="ats-home-"))
        """Where it is."""
        self._finalizer = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)

    def cleanup(self) -> None:
        """Remove it now; safe to call again."""
        self._finalizer()


def unpack(archive_path: Path, folder: Path) -> Path:
    """Unpack a zip into an empty folder and return the folder that holds `home.json`.

    Every name and size is checked before the first byte is written.

    Raises:
        HomeError: If the zip is corrupt, encrypted, too large, or holds links or names that could leave the folder.
    """
    try:
        with zipfile.ZipFile(archive_path) as archive:
            entries = _checked_entries(archive_path, archive)
            for entry in entries:
                _extract(archive, entry, folder)
    except FileNotFoundError as missing:
        raise HomeError(f"{archive_path}: no such file") from missing
    except (OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error) as broken:
        raise HomeError(f"{archive_path}: not a readable zip file ({broken})") from broken
    tops = {entry.filename.split("/")[0] for entry in entries}
    if not (folder / "home.json").exists() and len(tops) == 1:
        return folder / tops.pop()
    return folder


def _checked_entries(path: Path, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > MAX_FILES:
        raise HomeError(f"{path}: {len(entries)} members, more than {MAX_FILES}")
    if sum(entry.file_size for entry in entries) > MAX_BYTES:
        raise HomeError(f"{path}: would unpack to more than {MAX_BYTES} bytes")
    seen: set[str] = set()
    for entry in entries:
        name = refuse_name(entry.orig_filename.rstrip("/"), str(path))
        if name.lower() in seen:
            raise HomeError(f"{path}: holds {name} twice (letter case aside)")
        seen.add(name.lower())
        _refuse_member(path, name, entry)
    return [entry for entry in entries if not entry.is_dir()]


def _refuse_member(path: Path, name: str, entry: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise HomeError(f"{path}: {name} is a link or device; only plain files are allowed")
    if entry.flag_bits & 0x1:
        raise HomeError(f"{path}: {name} is encrypted")
    if entry.file_size > CHUNK and entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
        raise HomeError(f"{path}: {name} unpacks {entry.file_size // max(entry.compress_size, 1)}-fold, a zip bomb")


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    target = folder / entry.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with archive.open(entry) as source, target.open("xb") as sink:
        while chunk := source.read(CHUNK):
            written += len(chunk)
            if written > entry.file_size:
                raise HomeError(f"{archive.filename}: {entry.filename} unpacks to more than it declares")
            sink.write(chunk)
