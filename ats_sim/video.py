"""Films: writing H.264 that plays everywhere, and reading it back. OpenCV's wheels cannot write it; PyAV's can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import RenderError
from ats_sim.files import atomic_path

QUALITY = 20
"""H.264 constant rate factor: lower is better and larger; 18 to 23 looks good."""


class VideoWriter:
    """Writes pictures into an .mp4; use it in a `with` block. The file appears whole, or not at all."""

    def __init__(self, path: Path | str, width: int, height: int, fps: float, *, quality: int = QUALITY) -> None:
        """Start a film of width x height pictures; RenderError if the numbers make no film.

        H.264 wants even sizes, so an odd row or column is repeated once at the edge.
        """
        if width < 1 or height < 1 or not 0.0 < fps <= 1000.0:
            raise RenderError(f"video of {width}x{height} pixels at {fps} pictures a second: all must be positive.")
        self.path = Path(path)
        self._shape = (height, width, 3)
        self._fps, self._quality = fps, quality
        self._place: Any = None
        self._container: Any = None
        self._stream: Any = None

    def __enter__(self) -> Self:
        import av

        self._place = atomic_path(self.path)
        height, width, _ = self._shape
        self._container = av.open(str(self._place.__enter__()), "w", format="mp4", options={"movflags": "faststart"})
        self._stream = self._container.add_stream("libx264", rate=_rational(self._fps))
        self._stream.width, self._stream.height = width + width % 2, height + height % 2
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"crf": str(self._quality), "preset": "veryfast"}
        return self

    def write(self, picture: Array) -> None:
        """Append one picture (H, W, 3) uint8; RenderError if it has another shape, type, or the film is not open."""
        if self._stream is None:
            raise RenderError(f"{self.path}: write pictures inside `with VideoWriter(...) as video:`.")
        if picture.shape != self._shape or picture.dtype != np.uint8:
            raise RenderError(f"{self.path}: picture {picture.shape} {picture.dtype}, want {self._shape} uint8.")
        import av

        height, width, _ = self._shape
        even = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            for packet in self._stream.encode():
                self._container.mux(packet)
        self._container.close()
        self._stream = self._container = None
        self._place.__exit__(kind, error, trace)


def read_video(path: Path | str) -> Iterator[Array]:
    """The pictures (H, W, 3) uint8 of a film, one after the other; RenderError if it cannot be read."""
    import av

    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                yield frame.to_ndarray(format="rgb24")
    except (OSError, ValueError, IndexError) as error:
        raise RenderError(f"{path}: not a video that can be read ({error}).") from error


def _rational(fps: float) -> Any:
    from fractions import Fraction

    return Fraction(fps).limit_denominator(1001)
