"""Starts the server, tells where it is, and opens the user's browser."""

from __future__ import annotations

import asyncio
import webbrowser
from typing import TYPE_CHECKING

from ats_sim.viewer.options import ViewOptions
from ats_sim.viewer.server import Viewer

if TYPE_CHECKING:
    from ats_sim.planning import Mind


def view(options: ViewOptions, *, mind: Mind | None = None) -> None:
    """Serve a walk until Ctrl-C.

    Raises:
        ConfigError: If the port is taken.
        HomeError, PolicyError, RenderError, OSError: If the home, its policy, the picture or the log cannot be opened.
    """

    def ready(link: str) -> None:
        print(f"open {link}\nthis machine only; Ctrl-C ends it", flush=True)
        if options.opens_browser:
            webbrowser.open(link)

    asyncio.run(Viewer(options, mind).run(ready))
