"""The Capture: a walkthrough of the empty home and M videos with the agent in it, as a folder (``ats-capture/1``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ats_sim.errors import AtsError, CaptureError
from ats_sim.files import read_json
from ats_sim.reconstruction.capture.video import Video
from ats_sim.reconstruction.capture.writer import FORMAT, CaptureWriter, VideoWriter

__all__ = ["FORMAT", "Capture", "CaptureWriter", "Video", "VideoWriter", "check_capture"]


@dataclass(frozen=True)
class Capture:
    """A validated capture; ``walkthrough`` is None for a scan-free one."""

    folder: Path
    walkthrough: Video | None
    videos: tuple[Video, ...]
    provenance: str

    @classmethod
    def open(cls, folder: Path | str) -> Capture:
        """Validates everything but the pixels; raises CaptureError naming the file and the frame."""
        folder = Path(folder)
        record = read_record(folder)
        walkthrough = record["walkthrough"]
        return cls(
            folder=folder,
            walkthrough=None if walkthrough is None else _open_part(folder, walkthrough, needs_poses=True),
            videos=tuple(_open_part(folder, name) for name in record["videos"]),
            provenance=str(record.get("provenance", "")),
        )

    def video(self, name: str) -> Video:
        """The video of that name; raises CaptureError where there is none."""
        for video in self.videos:
            if video.name == name:
                return video
        raise CaptureError(f"{self.folder}: no video {name!r}, there are {[video.name for video in self.videos]}.")

    @property
    def recordings(self) -> tuple[Video, ...]:
        """The walkthrough, where there is one, and all videos."""
        return self.videos if self.walkthrough is None else (self.walkthrough, *self.videos)


def check_capture(folder: Path | str) -> list[str]:
    """Every problem of a capture, in words, with all its pictures decoded; an empty list means it is sound."""
    folder = Path(folder)
    try:
        record = read_record(folder)
    except CaptureError as error:
        return [str(error)]
    parts = [(name, False) for name in record["videos"]]
    if record["walkthrough"] is not None:
        parts.insert(0, (record["walkthrough"], True))
    problems: list[str] = []
    for name, needs_poses in parts:
        try:
            video = _open_part(folder, name, needs_poses=needs_poses)
            seconds = video.second_camera
        except CaptureError as error:
            problems.append(str(error))
            continue
        problems += _pixel_problems(video)
        problems += _pixel_problems(seconds) if seconds is not None else []
    return problems


def _pixel_problems(video: Video) -> list[str]:
    problems = []
    known = 0
    for index in range(len(video)):
        for read in (video.rgb, video.depth, video.mask):
            try:
                picture = read(index)
            except AtsError as error:
                problems.append(str(error))
                continue
            known += int(read == video.depth and picture is not None and bool(picture.any()))
    if not problems and not known:
        problems.append(f"{video.folder}: no frame has any known depth; without depth nothing can be rebuilt.")
    return problems


def read_record(folder: Path, *, needs_videos: bool = True) -> dict[str, Any]:
    """What ``capture.json`` says, checked; raises CaptureError saying what is wrong with it.

    A capture that is still being put together may hold a walkthrough and no videos yet.
    """
    source = folder / "capture.json"
    if folder.is_dir() and not source.exists():
        raise CaptureError(f"{folder}: is no capture (no capture.json); `ats import` and `ats synthesize` make one")
    if not folder.exists():
        raise CaptureError(f"{folder}: no such capture; `ats import` and `ats synthesize` make one")
    record = read_json(source, CaptureError)
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        found = record.get("format") if isinstance(record, dict) else type(record).__name__
        raise CaptureError(f"{source}: format is {found!r}, this version reads {FORMAT!r}.")
    if "walkthrough" not in record:
        raise CaptureError(f"{source}: walkthrough is not named; write null for a scan-free capture.")
    videos = record.get("videos")
    if videos == [] and needs_videos and record["walkthrough"] is not None:
        raise CaptureError(f"{folder}: holds a walkthrough and no video of the animal yet; `ats import` adds some")
    if not isinstance(videos, list) or (needs_videos and not videos):
        raise CaptureError(f"{source}: videos is {videos!r}, must name at least one folder.")
    names = [name for name in (record["walkthrough"], *videos) if name is not None]
    for name in names:
        if not isinstance(name, str) or not name or Path(name).name != name or name in (".", ".."):
            raise CaptureError(f"{source}: {name!r} is no name of a folder inside the capture.")
    if len(set(names)) != len(names):
        raise CaptureError(f"{source}: names a recording twice: {names}.")
    return record


def _open_part(folder: Path, name: str, *, needs_poses: bool = False) -> Video:
    if not (folder / name).is_dir():
        hint = "; write null instead for a scan-free capture" if needs_poses else ""
        raise CaptureError(f"{folder / 'capture.json'}: names {name!r}, but {folder / name} is missing{hint}.")
    return Video.open(folder / name, needs_poses=needs_poses)
