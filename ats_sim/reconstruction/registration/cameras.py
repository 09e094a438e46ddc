"""cameras.json: every camera of every video in the scene frame, with what is known of its trustworthiness."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.errors import AtsError, ReconstructionError
from ats_sim.files import read_json, write_json
from ats_sim.geometry import Intrinsics

FORMAT = "ats-cameras/1"


@dataclass(frozen=True, eq=False)
class RegisteredVideo:
    """One video's cameras."""

    accepted: bool
    """Whether the video may be used at all."""
    reason: str
    """Why not, in words; empty where accepted."""
    intrinsics: Intrinsics
    """Of all its frames."""
    times: Array
    """(N,) seconds."""
    T_world_camera: Array
    """(N, 4, 4) OpenCV axes, scene frame."""
    confidence: Array
    """(N,) 0..1."""
    registered: Array
    """(N,) bool; a pose that is not registered is a guess."""
    quality: dict[str, float]
    """The verifier's numbers."""


@dataclass(frozen=True, eq=False)
class Cameras:
    """All videos by name, the walkthrough among them."""

    videos: dict[str, RegisteredVideo]

    def accepted(self) -> dict[str, RegisteredVideo]:
        """The videos that may be used."""
        return {name: video for name, video in self.videos.items() if video.accepted}

    def write(self, path: Path) -> None:
        """Write cameras.json, atomically."""
        write_json(path, {"format": FORMAT, "videos": {name: _to_json(v) for name, v in self.videos.items()}})

    @classmethod
    def read(cls, path: Path) -> Cameras:
        """Read cameras.json.

        Raises:
            ReconstructionError: If the file is missing or not of this format.
        """
        record = read_json(path, ReconstructionError)
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise ReconstructionError(f"{path}: not an {FORMAT!r} file; run the reconstruction again")
        try:
            return cls({name: _from_json(video) for name, video in record["videos"].items()})
        except (KeyError, TypeError, ValueError, AttributeError, AtsError) as error:
            raise ReconstructionError(f"{path}: broken entry ({error!r}); run the reconstruction again") from error


def _to_json(video: RegisteredVideo) -> dict[str, Any]:
    frames = [
        {
            "index": i,
            "time": float(video.times[i]),
            "T_world_camera": np.round(video.T_world_camera[i], 7).tolist(),
            "confidence": round(float(video.confidence[i]), 4),
            "registered": bool(video.registered[i]),
        }
        for i in range(len(video.times))
    ]
    return {
        "accepted": video.accepted,
        "reason": video.reason,
        "intrinsics": video.intrinsics.to_json(),
        "quality": {name: round(float(value), 4) for name, value in video.quality.items()},
        "frames": frames,
    }


def _from_json(record: dict[str, Any]) -> RegisteredVideo:
    frames = record["frames"]
    count = len(frames)
    return RegisteredVideo(
        accepted=bool(record["accepted"]),
        reason=str(record["reason"]),
        intrinsics=Intrinsics.from_json(record["intrinsics"]),
        times=checked("time", [frame["time"] for frame in frames], (count,)),
        T_world_camera=checked("T_world_camera", [frame["T_world_camera"] for frame in frames], (count, 4, 4)),
        confidence=checked("confidence", [frame["confidence"] for frame in frames], (count,)),
        registered=np.array([bool(frame["registered"]) for frame in frames]),
        quality={str(name): float(value) for name, value in record.get("quality", {}).items()},
    )
