"""What the page shows: a player's picture as a JPEG, the status for its panels, and the plan of the home."""

from __future__ import annotations

import base64
import io
import time
from dataclasses import dataclass
from typing import Any

from ats_sim.arrays import Array
from ats_sim.play.keys import KEYS
from ats_sim.play.minimap import Minimap
from ats_sim.play.pace import Pace
from ats_sim.play.player import Player
from ats_sim.play.session import Session
from ats_sim.play.status import Reporter

QUALITY = 82
"""JPEG quality; above this the pictures only get larger."""
MAP_HEIGHT = 360


@dataclass(frozen=True)
class Picture:
    """What the page shows at an instant."""

    status: dict[str, Any]
    """Plain values for the panels and the plan."""
    jpeg: bytes
    """The picture."""


class Show:
    """A player with what it takes to picture the walk."""

    def __init__(self, session: Session, size: tuple[int, int]) -> None:
        """Picture a session in a size (width, height); in the thread that opened it."""
        self.player = Player(session)
        """Who plays."""
        self._session, self._size = session, size
        self._reporter, self._pace = Reporter(self.player), Pace()
        self._minimap = Minimap(session, MAP_HEIGHT)
        home = session.world.home
        self.introduction: dict[str, Any] = {
            "home": home.name,
            "keys": [[key.shown, key.meaning] for key in KEYS],
            "map": "data:image/png;base64," + base64.b64encode(encoded(self._minimap.picture, "PNG")).decode(),
        }
        """What the page needs once: the home's name, the keys, the plan."""

    def resize(self, width: int, height: int) -> None:
        """Draw for a page of width x height pixels."""
        self._size = (width, height)
        self._session.resize(width, height)

    def picture(self) -> Picture:
        """This instant."""
        started = time.perf_counter()
        size = self._size if self.player.is_still else self._pace.size(*self._size)
        rgb = self.player.draw(size).rgb
        status = self._reporter.status().to_json() | {"map": self._minimap.marks().to_json()}
        jpeg = encoded(rgb, "JPEG")
        if not self.player.is_still:
            self._pace.took(time.perf_counter() - started)
        return Picture(status, jpeg)


def encoded(rgb: Array, form: str) -> bytes:
    """A picture (H, W, 3 or 4) uint8 as a JPEG or PNG file."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, form, quality=QUALITY)
    return stream.getvalue()
