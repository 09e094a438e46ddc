"""The formats that can be taken in: by which file a recording is known, and who reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ats_sim.reconstruction.capture.importing import nerfstudio, polycam, record3d, scannet, stray, tum
from ats_sim.reconstruction.capture.importing.options import FormatName, ImportOptions
from ats_sim.reconstruction.capture.importing.recording import Recording
from ats_sim.reconstruction.capture.importing.source_files import SourceFiles


@dataclass(frozen=True)
class Format:
    """How another program's recordings are found and read."""

    about: str
    """What such a recording is, for messages."""
    marker: str
    """A file (or the beginning of its path) in the place of every recording."""
    read: Callable[[SourceFiles, ImportOptions], Recording]
    """Reads the recording at a place."""


FORMATS: Mapping[FormatName, Format] = {
    "record3d": Format("Record3D recording (.r3d, or EXR + JPG)", record3d.MARKER, record3d.read),
    "stray": Format("Stray Scanner folder", stray.MARKER, stray.read),
    "polycam": Format("raw data of Polycam", polycam.MARKER, polycam.read),
    "tum": Format("TUM RGB-D folder", tum.MARKER, tum.read),
    "scannet": Format("unpacked ScanNet scan", scannet.SCANNET_MARKER, scannet.read_scannet),
    "7scenes": Format("sequence of 7-Scenes", scannet.SEVEN_SCENES_MARKER, scannet.read_seven_scenes),
    "nerfstudio": Format("nerfstudio folder", nerfstudio.MARKER, nerfstudio.read),
}
