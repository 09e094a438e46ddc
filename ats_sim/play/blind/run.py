"""Starts what fits: clips and questions in a window, films and a key where there is none, or the scoring of a sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ats_sim.play.blind.clips import choose_clips
from ats_sim.play.blind.films import Handout, score_answers, write_clips, written_before
from ats_sim.play.blind.ratings import Ratings, Setup
from ats_sim.play.blind.scores import Scores
from ats_sim.play.blind.window import Shown, ask_in_window
from ats_sim.play.options import PlayOptions
from ats_sim.play.run import open_home
from ats_sim.progress import track
from ats_sim.world import World

if TYPE_CHECKING:
    from ats_sim.planning import Mind


def blind_test(options: PlayOptions, *, mind: Mind | None = None) -> Scores | Handout:
    """Ask whether clips show the recorded or the simulated animal.

    Args:
        options: What the user chose: `blind` clips to ask about, or `answers` to score.
        mind: A mind for the simulated animal in place of the home's own policy.

    Returns:
        Scores of the answers so far, or, without a window, what was written.

    Raises:
        HomeError, PolicyError, RenderError: If the home, its policy, or the picture cannot be opened.
        ConfigError: If the home does not have the clips, or a file is damaged or of another test. Nothing that was
            written before is ever replaced.
    """
    if options.answers is not None:
        return score_answers(options.answers, options.ratings)
    assert options.blind is not None
    home, mind = open_home(options.home, mind)
    setup = Setup(home.name, home.fingerprint, options.seed, options.clip_seconds, options.blind)
    if not options.has_window and (there := written_before(options.ratings, setup)) is not None:
        return there
    clips = choose_clips(home, setup.clips, setup.seconds, setup.seed)
    world = World(home, policy=mind)
    try:
        if not options.has_window:
            return write_clips(world, options, setup, clips)
        ratings = Ratings(options.ratings, setup, clips)
        # All at once: if the simulated clips alone made one wait, waiting would tell.
        shown = [Shown.of(world, setup, clip) for clip in track(ratings.open_clips, "living through the clips")]
    finally:
        world.close()
    if shown:
        ask_in_window(home, options, shown, ratings)
    return ratings.scores()
