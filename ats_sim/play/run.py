"""Opens a home and starts what fits: a window, a film where there is no screen, or a walk done again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ats_sim.home import Home
from ats_sim.play.options import PlayOptions
from ats_sim.play.session import Session
from ats_sim.play.summary import Summary

if TYPE_CHECKING:
    from ats_sim.planning import Mind
    from ats_sim.play.replay import Replay


def play(options: PlayOptions, *, mind: Mind | None = None) -> Summary:
    """Walk through a home.

    Args:
        options: What the user chose.
        mind: A mind for the agents in place of the home's own policy.

    Returns:
        What the walk was like.

    Raises:
        HomeError, PolicyError, RenderError, ConfigError: If the home, its policy, or the picture cannot be opened.
        OSError: If the log cannot be written.
    """
    session = open_session(options, mind)
    home = session.world.home
    try:
        if options.has_window:
            from ats_sim.play.window import walk_in_window

            return walk_in_window(session, options, home.name)
        from ats_sim.play.film import walk_for_film

        return walk_for_film(session, options, home.name)
    finally:
        session.close()


def replay(options: PlayOptions, *, mind: Mind | None = None) -> Replay:
    """Do the walk in `options.replay` again and compare every state.

    Raises:
        ConfigError: If the file cannot be read, or the walk does not fit the home.
        HomeError, PolicyError, RenderError: If the home, its policy, or the picture cannot be opened.
    """
    from ats_sim.play.log import read_header
    from ats_sim.play.replay import walk_again

    assert options.replay is not None
    header = read_header(options.replay)
    if options.home == "default":  # the walk knows where it was walked; another home is only taken when it is named
        options = replace(options, home=header.home)
    home, mind = open_home(options.home, mind)
    return walk_again(home, mind, header, options)


def open_session(options: PlayOptions, mind: Mind | None = None) -> Session:
    """A session in the home that was chosen, with its own policy unless a mind is given; raises as `play`."""
    home, mind = open_home(options.home, mind)
    return Session(home, mind, options)


def open_home(place: str, mind: Mind | None) -> tuple[Home, Mind]:
    """A home, and its own policy unless a mind is given; raises as `play`."""
    home = Home.load(place, require_policy=mind is None)
    if mind is None:
        from ats_sim.policy import Policy

        mind = Policy.load(home)
    return home, mind
