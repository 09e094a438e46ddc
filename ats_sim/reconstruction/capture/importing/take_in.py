"""`ats import`: recordings of another program become the walkthrough or further videos of a capture."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import AtsError, CaptureError, ConfigError
from ats_sim.files import read_json
from ats_sim.geometry import Intrinsics
from ats_sim.progress import steps
from ats_sim.reconstruction.capture.format import read_record
from ats_sim.reconstruction.capture.importing.bearings import bearings_of
from ats_sim.reconstruction.capture.importing.formats import FORMATS
from ats_sim.reconstruction.capture.importing.options import FormatName, ImportOptions
from ats_sim.reconstruction.capture.importing.recording import Recording
from ats_sim.reconstruction.capture.importing.source_files import places_in
from ats_sim.reconstruction.capture.importing.straight import common_pinhole, straightened
from ats_sim.reconstruction.capture.importing.turning import turned_intrinsics, turned_picture
from ats_sim.reconstruction.capture.writer import CaptureWriter

WALKTHROUGH = "walkthrough"
SHORTEST = 6.4
"""Seconds of a stretch from which behaviour is learned."""
FEW_DEPTHS = 0.1
"""Share of pixels with depth below which a user is told."""


def import_recordings(format: FormatName, source: Path, output: Path, options: ImportOptions) -> dict[str, Any]:
    """Take every recording at ``source`` into the capture at ``output``, which is begun where there is none.

    What the capture already holds stays; a recording that it holds is not taken in again. A recording that cannot be
    read is named with the reason, and the others are taken in.

    Returns:
        Plain numbers: "taken" (a list: name, source, frames, seconds, remarks), "kept" and "refused" (by source), and
        "videos", how many the capture holds now.

    Raises:
        ConfigError: If the format cannot be taken in, or several recordings are to be the walkthrough.
        CaptureError: If there is nothing to take in, none of it can be read, or ``output`` is something else.
    """
    if format == "mp4":
        raise ConfigError(
            f"{source}: a plain video has no depth, and without depth nothing can be rebuilt. Film with a phone that "
            "measures it (Record3D, Stray Scanner, Polycam) and import that."
        )
    chosen = FORMATS[format]
    places, refused = places_in(Path(source), chosen.marker)
    if not places and not refused:
        raise CaptureError(f"{source}: holds no {chosen.about}; looked for {chosen.marker!r} in it and below.")
    if options.walkthrough and len(places) > 1:
        named = ", ".join(place.name for place in places[:5]) + (", ..." if len(places) > 5 else "")
        raise ConfigError(f"{source}: holds {len(places)} recordings ({named}); name the one that is the walkthrough.")
    album = _Album.open(Path(output))
    outcome: dict[str, Any] = {"taken": [], "kept": {}, "refused": refused}
    for place in places:
        try:
            recording = chosen.read(place, options)
            if recording.digest in album.held:
                outcome["kept"][place.name] = album.kept(recording, options)
                continue
            outcome["taken"].append(album.take(recording, format, options))
        except AtsError as error:
            outcome["refused"][place.name] = str(error)
    if outcome["refused"] and not outcome["taken"] and not outcome["kept"]:
        raise CaptureError("\n".join(outcome["refused"].values()))
    outcome["videos"] = len(album.videos)
    return outcome


@dataclass
class _Album:
    """The capture that recordings are put into."""

    writer: CaptureWriter
    walkthrough: str | None
    videos: list[str]
    provenance: str
    held: dict[str, tuple[str, dict[str, Any]]]
    """By digest of a recording: under which name it is held, and with which options it was taken in."""

    @classmethod
    def open(cls, output: Path) -> _Album:
        """A capture that stands there, or a new one."""
        if not (output / "capture.json").exists():
            if output.is_dir() and any(not path.name.startswith(".") for path in output.iterdir()):
                raise CaptureError(f"{output}: is not empty and no capture; choose another folder.")
            return cls(CaptureWriter(output), None, [], "Imported by ats-sim", {})
        record = read_record(output, needs_videos=False)
        writer, held = CaptureWriter(output), {}
        # A folder that somebody deleted makes room for the same recording, taken in otherwise.
        videos = [name for name in record["videos"] if writer.has(name)]
        walkthrough = record["walkthrough"] if record["walkthrough"] and writer.has(record["walkthrough"]) else None
        for name in ([walkthrough] if walkthrough else []) + videos:
            about = read_json(output / name / "transforms.json", CaptureError).get("source")
            if isinstance(about, dict) and isinstance(about.get("digest"), str):
                held[about["digest"]] = (name, about.get("options") or {})
        return cls(writer, walkthrough, videos, str(record.get("provenance", "")), held)

    def kept(self, recording: Recording, options: ImportOptions) -> str:
        """What to say of a recording that is part of it."""
        name, before = self.held[recording.digest]
        if before == asdict(options):
            return name
        return f"{name}, taken in with other options: delete {self.writer.folder / name} to take it in anew"

    def take(self, recording: Recording, format: FormatName, options: ImportOptions) -> dict[str, Any]:
        """Write a recording and make it part of the capture; returns what was done."""
        if options.walkthrough and self.walkthrough is not None:
            raise CaptureError(f"{self.writer.folder}: has a walkthrough already; delete it, or begin another capture.")
        name = WALKTHROUGH if options.walkthrough else _free(self.videos)
        done = _write(self.writer, name, recording, format, options)
        self.held[recording.digest] = (name, asdict(options))
        if options.walkthrough:
            self.walkthrough = name
        else:
            self.videos.append(name)
        self.writer.finish(walkthrough=self.walkthrough, videos=self.videos, provenance=self.provenance)
        return done


def _free(videos: list[str]) -> str:
    return next(name for name in (f"v{k:02d}" for k in range(len(videos) + 1)) if name not in videos)


def _write(
    writer: CaptureWriter, name: str, recording: Recording, format: FormatName, options: ImportOptions
) -> dict[str, Any]:
    bearings = bearings_of(recording, options.up)
    poses, quarters = bearings.T_world_camera, bearings.quarters
    if poses is None and options.walkthrough:
        raise CaptureError(f"{recording.name}: a walkthrough defines the scene's frame, but {bearings.remarks[-1]}.")
    frames = _thinned(recording.times, options.fps)
    times = recording.times[frames] - recording.times[frames[0]]
    target = common_pinhole([recording.depth_lenses[k] for k in frames], options.longest_side)
    known = 0.0
    with (
        writer.recording(
            name,
            turned_intrinsics(target, quarters),
            _rate(times, options.fps),
            pose_source=None if options.walkthrough or poses is None else "odometry",
            source={"format": format, "name": recording.name, "digest": recording.digest, "options": asdict(options)},
        ) as video,
        steps(len(frames), f"{name} <- {recording.name}"[:28]) as bar,
    ):
        for time, index in zip(times, frames, strict=True):
            rgb, depth, mask = _pictures(recording, index, target, quarters)
            depth[depth > options.farthest] = 0.0
            known += float((depth > 0.0).mean()) / len(frames)
            video.add(time, rgb, depth, T_world_camera=None if poses is None else poses[index], mask=mask)
            bar.advance()
    remarks = list(bearings.remarks)
    if known < FEW_DEPTHS:
        remarks.append(
            f"only {known:.0%} of its pixels have depth (is its unit right?); "
            "--confidence medium and --farthest let more pass"
        )
    if not options.walkthrough and times[-1] < SHORTEST:
        remarks.append(f"it lasts {times[-1]:.1f} s, and behaviour is learned from stretches of {SHORTEST} s at least")
    return {
        "name": name,
        "source": recording.name,
        "frames": len(frames),
        "seconds": round(float(times[-1]), 2),
        "size": f"{video.size[0]}x{video.size[1]}",
        "has_poses": poses is not None,
        "known_depth": round(known, 4),
        "remarks": remarks,
    }


def _pictures(recording: Recording, index: int, target: Intrinsics, quarters: int) -> tuple[Array, Array, Array | None]:
    """Colours (H, W, 3) uint8, depth (H, W) metres and mask (H, W) bool of a frame, straight and upright."""
    color, depth = recording.color_lenses[index], recording.depth_lenses[index]
    rgb = straightened(recording.color(index), color, target, smooth=True)
    metres = straightened(recording.depth(index), depth, target, smooth=False)
    mask = None
    if recording.mask is not None:
        seen = straightened(recording.mask(index).astype(np.uint8), color, target, smooth=False)
        mask = turned_picture(seen > 0, quarters)
    return turned_picture(rgb, quarters), turned_picture(metres, quarters).copy(), mask


def _thinned(times: Array, fps: float) -> list[int]:
    """Frames that lie at least a tick apart, the first one included; a twentieth of a tick is let pass as jitter."""
    frames, due = [], -np.inf
    for index, time in enumerate(times):
        if time >= due:
            frames.append(index)
            # Ticks are counted from the first frame, so that 30 frames a second become 10 and not 7.5.
            due = times[0] + (np.floor((time - times[0]) * fps + 0.05) + 0.95) / fps
    return frames


def _rate(times: Array, most: float) -> float:
    return most if len(times) < 2 else float(min(most, (len(times) - 1) / times[-1]))
