"""The frames of a film by number, decoded once from front to back where they are asked for in order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import CaptureError
from ats_sim.reconstruction.capture.importing.source_files import SourceFiles


class Film:
    """A film among the files of a recording."""

    def __init__(self, files: SourceFiles, name: str) -> None:
        """Opens it; raises CaptureError where it is missing or no film."""
        import av

        self._where = f"{files.where}: {name}"
        self._files, self._name = files, name
        self._pictures: Iterator[Array] = iter(())
        self._next = -1
        try:
            with av.open(self._files.stream(self._name)) as film:
                stream = film.streams.video[0]
                self.size = (int(stream.width), int(stream.height))
                self._count = int(stream.frames) or sum(1 for _ in film.demux(stream)) - 1
        except (av.FFmpegError, IndexError, ValueError) as error:
            raise CaptureError(f"{self._where} is no film that can be read ({error}).") from error

    def __len__(self) -> int:
        return self._count

    def picture(self, index: int) -> Array:
        """Colours (H, W, 3) uint8 of a frame; going back begins at the front again."""
        if self._next < 0 or index < self._next:
            self._pictures, self._next = self._decoded(), 0
        for found in self._pictures:
            self._next += 1
            if self._next > index:
                return found
        raise CaptureError(f"{self._where} ends before frame {index}; copy it again.")

    def _decoded(self) -> Iterator[Array]:
        import av

        try:
            with av.open(self._files.stream(self._name)) as film:
                stream = film.streams.video[0]
                stream.thread_type = "AUTO"
                for frame in film.decode(stream):
                    yield np.ascontiguousarray(frame.to_ndarray(format="rgb24"))
        except av.FFmpegError as error:
            raise CaptureError(f"{self._where} breaks off ({error}); copy it again.") from error
