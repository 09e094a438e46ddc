"""Turn a film of `ats play` into the README's moving picture.

ats play --headless --seconds 20 --record play.mp4
python -m benchmarks.moving_picture play.mp4 benchmarks/pictures/play.webp
"""

from dataclasses import dataclass
from pathlib import Path

import av
import tyro
from PIL import Image

from ats_sim.files import atomic_path


@dataclass(frozen=True)
class MovingPicture:
    """Which film to turn into which picture."""

    film: tyro.conf.Positional[Path]
    """The .mp4."""
    picture: tyro.conf.Positional[Path]
    """The .webp to write: in full colour, a third of the size of a GIF."""
    start: float = 0.0
    """Second of the film to begin at."""
    seconds: float = 12.0
    """Length."""
    width: int = 480
    """Width in pixels."""
    fps: float = 10.0
    """Pictures per second."""
    quality: int = 60
    """Of 100."""


def main(options: MovingPicture) -> None:
    """Write the picture."""
    pictures, due = [], options.start
    with av.open(str(options.film)) as film:
        for frame in film.decode(video=0):
            if frame.time is None or frame.time < due or frame.time > options.start + options.seconds:
                continue
            picture = frame.to_image()
            size = (options.width, round(options.width * picture.height / picture.width))
            pictures.append(picture.resize(size, Image.Resampling.LANCZOS))
            due += 1.0 / options.fps
    with atomic_path(options.picture) as temporary:
        milliseconds = round(1000 / options.fps)
        pictures[0].save(
            temporary,
            "WEBP",
            save_all=True,
            append_images=pictures[1:],
            duration=milliseconds,
            loop=0,
            quality=options.quality,
            method=6,
        )


if __name__ == "__main__":
    main(tyro.cli(MovingPicture))
