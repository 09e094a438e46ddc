"""Films come back as they were written, whatever their size, and never half-written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ats_sim.arrays import Array
from ats_sim.errors import RenderError
from ats_sim.video import VideoWriter, read_video


def ramp(width: int, height: int, shift: int) -> Array:
    """A smooth picture whose brightness tells the frame number."""
    rows = np.linspace(40, 120, height)[:, None, None]
    return np.broadcast_to(rows + 10 * shift, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize(("width", "height"), [(64, 48), (63, 47), (1, 1)])
def test_pictures_come_back(tmp_path: Path, width: int, height: int) -> None:
    with VideoWriter(tmp_path / "film.mp4", width, height, 10) as film:
        for shift in range(6):
            film.write(ramp(width, height, shift))
    pictures = list(read_video(tmp_path / "film.mp4"))
    assert len(pictures) == 6
    assert pictures[0].shape == (height + height % 2, width + width % 2, 3)
    for shift, picture in enumerate(pictures):
        difference = picture[:height, :width].astype(int) - ramp(width, height, shift)
        assert np.abs(difference).mean() < 4.0


def test_stored_as_h264_420(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    with VideoWriter(tmp_path / "film.mp4", 32, 32, 12.5) as film:
        film.write(ramp(32, 32, 0))
    with av.open(str(tmp_path / "film.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert float(stream.average_rate) == pytest.approx(12.5)


def test_nothing_is_left_when_writing_fails(tmp_path: Path) -> None:
    with (
        pytest.raises(RenderError, match="want \\(48, 64, 3\\) uint8"),
        VideoWriter(tmp_path / "f.mp4", 64, 48, 10) as film,
    ):
        film.write(np.zeros((4, 4, 3), dtype=np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_a_film_must_be_open_and_sensible(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match="inside `with"):
        VideoWriter(tmp_path / "f.mp4", 8, 8, 10).write(np.zeros((8, 8, 3), dtype=np.uint8))
    with pytest.raises(RenderError, match="0x8"):
        VideoWriter(tmp_path / "f.mp4", 0, 8, 10)
    (tmp_path / "no.mp4").write_text("nothing")
    with pytest.raises(RenderError, match="no.mp4"):
        list(read_video(tmp_path / "no.mp4"))
