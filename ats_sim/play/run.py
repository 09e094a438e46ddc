"""Opens a home and starts the walk that fits this machine: a window, or a film where there is no screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ats_sim.home import Home
from ats_sim.play.options import PlayOptions
from ats_sim.play.session import Session
from ats_sim.play.summary import Summary

if TYPE_CHECKING:
    from ats_sim.planning import Mind


def play(options: PlayOptions, *, mind: Mind | None = None) -> Summary:
    """Walk through a home.

    Args:
        options: What the user chose.
        mind: A mind for the agents in place of the home's own policy.

    Returns:
        What the walk was like.

    Raises:
        HomeError, PolicyError, RenderError, ConfigError: If the home, its policy, or the picture cannot be opened.
    """
    home = Home.load(options.home, require_policy=mind is None)
    if mind is None:
        from ats_sim.policy import Policy

        mind = Policy.load(home)
    session = Session(home, mind, options)
    try:
        if options.has_window:
            from ats_sim.play.window import walk_in_window

            return walk_in_window(session, options, home.name)
        from ats_sim.play.film import walk_for_film

        return walk_for_film(session, options, home.name)
    finally:
        session.close()
