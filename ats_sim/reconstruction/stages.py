"""Stages that remember: a stage runs again only if its inputs, its settings or its outputs changed."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ats_sim.errors import ReconstructionError
from ats_sim.files import read_json, write_json
from ats_sim.reconstruction.capture.format import Capture

MARKERS = ".stages"


class Stages:
    """The chain of stages of one output folder; each stage's key covers all stages before it."""

    def __init__(self, folder: Path, root_key: str, *, resume: bool) -> None:
        self._folder = folder
        self._key = root_key
        self._resume = resume
        self.seconds: dict[str, float] = {}
        self.reused: list[str] = []

    def run(self, name: str, settings: object, outputs: Sequence[str], action: Callable[[], None]) -> None:
        """Run `action`, which must leave the named files or folders, unless they are there from the same key.

        Raises:
            ReconstructionError: If the action did not leave an output.
        """
        self._key = digest([self._key, name, settings])
        marker = self._folder / MARKERS / f"{name}.json"
        record = read_json(marker, ReconstructionError) if self._resume and marker.is_file() else {}
        if record.get("key") == self._key and record.get("outputs") == self._sizes(outputs):
            self.seconds[name] = float(record["seconds"])
            self.reused.append(name)
            return
        if record and record.get("key") != self._key:
            sys.stderr.write(f"{name}: capture, options or version are not those of what is there; it is made anew\n")
        marker.unlink(missing_ok=True)
        started = time.monotonic()
        action()
        sizes = self._sizes(outputs)
        missing = [output for output, size in sizes.items() if size is None]
        if missing:
            raise ReconstructionError(f"stage {name} left no {missing} in {self._folder}")
        self.seconds[name] = round(time.monotonic() - started, 2)
        write_json(marker, {"key": self._key, "outputs": sizes, "seconds": self.seconds[name]})

    def _sizes(self, outputs: Sequence[str]) -> dict[str, int | None]:
        return {output: _size(self._folder / output) for output in outputs}


def digest(value: object) -> str:
    """SHA-256 of a plain value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def capture_key(capture: Capture) -> str:
    """SHA-256 over the bytes of everything of a capture that the pipeline reads (never its ground truth)."""
    total = hashlib.sha256((capture.folder / "capture.json").read_bytes())
    for video in capture.recordings:
        total.update((video.folder / "transforms.json").read_bytes())
        for path in (*video.image_paths, *video.depth_paths, *video.mask_paths):
            total.update(path.read_bytes())
    return total.hexdigest()


def _size(path: Path) -> int | None:
    """Bytes of a file or of all files in a folder; None if absent."""
    if path.is_dir():
        return sum(part.stat().st_size for part in path.rglob("*") if part.is_file())
    return path.stat().st_size if path.is_file() else None
