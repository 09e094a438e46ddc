"""Writing captures: every recording's folder appears whole or not at all, ``capture.json`` last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.errors import CaptureError
from ats_sim.files import atomic_folder, write_json, write_npz
from ats_sim.geometry import OPENCV_FROM_OPENGL, Intrinsics
from ats_sim.reconstruction.capture.image_files import encode_picture

FORMAT = "ats-capture/1"
_MILLIMETRES = 1000.0


class VideoWriter:
    """Collects the frames of one recording into a folder that somebody else makes appear at once."""

    def __init__(
        self,
        folder: Path,
        intrinsics: Intrinsics,
        fps: float,
        *,
        pose_source: str | None,
        quality: int,
        source: Mapping[str, Any] | None = None,
    ) -> None:
        self._folder = folder
        self._quality = quality
        self._frames: list[dict[str, Any]] = []
        self._record: dict[str, Any] = {
            "camera_model": "OPENCV",
            "fl_x": intrinsics.fl_x,
            "fl_y": intrinsics.fl_y,
            "cx": intrinsics.cx,
            "cy": intrinsics.cy,
            "w": intrinsics.width,
            "h": intrinsics.height,
            "depth_unit_scale_factor": 1 / _MILLIMETRES,
            "fps": fps,
        }
        if pose_source is not None:
            self._record["pose_source"] = pose_source
        if source is not None:
            self._record["source"] = dict(source)
        for name in ("images", "depth"):
            (folder / name).mkdir(parents=True)

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its pictures."""
        return self._record["w"], self._record["h"]

    def add(
        self,
        time: float,
        rgb: Array,
        depth: Array,
        *,
        T_world_camera: Array | None = None,
        mask: Array | None = None,
    ) -> None:
        """Appends a frame: rgb (H, W, 3) uint8, depth (H, W) metres with 0 = unknown, pose (4, 4) with OpenCV axes,
        mask (H, W) bool of the agent."""
        size = (self._record["h"], self._record["w"])
        if rgb.shape != (*size, 3) or depth.shape != size:
            raise CaptureError(f"Frame {len(self)}: rgb {rgb.shape} and depth {depth.shape} are not {size} pixels.")
        number = f"{len(self):06d}"
        frame: dict[str, Any] = {
            "file_path": f"images/{number}.jpg",
            "depth_file_path": f"depth/{number}.png",
            "time": round(float(time), 6),
        }
        millimetres = np.clip(np.rint(depth * _MILLIMETRES), 0, 65535).astype(np.uint16)
        picture = encode_picture(".jpg", np.ascontiguousarray(rgb[..., ::-1]), quality=self._quality)
        (self._folder / frame["file_path"]).write_bytes(picture)
        (self._folder / frame["depth_file_path"]).write_bytes(encode_picture(".png", millimetres))
        if mask is not None:
            frame["mask_path"] = f"masks/{number}.png"
            (self._folder / "masks").mkdir(exist_ok=True)
            (self._folder / frame["mask_path"]).write_bytes(encode_picture(".png", mask.astype(np.uint8) * 255))
        if T_world_camera is not None:
            pose = checked(f"T_world_camera of frame {len(self)}", T_world_camera, (4, 4))
            frame["transform_matrix"] = (pose @ OPENCV_FROM_OPENGL).tolist()
        self._frames.append(frame)

    def ground_truth(self, **arrays: Array) -> None:
        """Writes ``ground_truth.npz`` beside the frames."""
        write_npz(self._folder / "ground_truth.npz", **arrays)

    @contextmanager
    def second_camera(self, intrinsics: Intrinsics) -> Iterator[VideoWriter]:
        """A writer for the synchronised second view."""
        folder = self._folder / "second_camera"
        other = VideoWriter(folder, intrinsics, self._record["fps"], pose_source="ground_truth", quality=self._quality)
        yield other
        other.finish()

    def finish(self) -> None:
        """Writes ``transforms.json``."""
        if not self._frames:
            raise CaptureError(f"{self._folder}: a recording needs at least one frame.")
        write_json(self._folder / "transforms.json", {**self._record, "frames": self._frames})


class CaptureWriter:
    """Writes a capture recording by recording; what is already there is kept, so that work can be resumed."""

    def __init__(self, folder: Path, *, quality: int = 92):
        self.folder = Path(folder)
        self._quality = quality
        if self.folder.exists() and not self.folder.is_dir():
            raise CaptureError(f"{self.folder}: is a file; name a folder for the capture.")
        self.folder.mkdir(parents=True, exist_ok=True)

    def has(self, name: str) -> bool:
        """Whether a recording's folder already stands complete."""
        return (self.folder / name / "transforms.json").is_file()

    @contextmanager
    def recording(
        self,
        name: str,
        intrinsics: Intrinsics,
        fps: float,
        *,
        pose_source: str | None = None,
        source: Mapping[str, Any] | None = None,
    ) -> Iterator[VideoWriter]:
        """A writer for the folder ``name``, which appears when the block ends without an error.

        ``source`` notes where the recording came from.
        """
        with atomic_folder(self.folder / name) as folder:
            writer = VideoWriter(folder, intrinsics, fps, pose_source=pose_source, quality=self._quality, source=source)
            yield writer
            writer.finish()

    def finish(self, *, walkthrough: str | None, videos: Sequence[str], provenance: str) -> None:
        """Writes ``capture.json``, after which the folder is a capture."""
        missing = [name for name in ([walkthrough] if walkthrough else []) + list(videos) if not self.has(name)]
        if missing:
            raise CaptureError(f"{self.folder}: recordings {missing} were never written.")
        record = {"format": FORMAT, "walkthrough": walkthrough, "videos": list(videos), "provenance": provenance}
        write_json(self.folder / "capture.json", record)
