"""A walk done again from its log: the same events in the same order must lead to the same states, bit for bit."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ats_sim import __version__
from ats_sim.errors import ConfigError
from ats_sim.play.events import Event, Step
from ats_sim.play.log import Header, digest, is_cut_off, read_lines
from ats_sim.play.session import Session
from ats_sim.play.walk import Walk
from ats_sim.video import VideoWriter

if TYPE_CHECKING:
    from ats_sim.home import Home
    from ats_sim.planning import Mind
    from ats_sim.play.options import PlayOptions

PICTURES_PER_STEP = 2


@dataclass(frozen=True)
class Replay:
    """How the comparison went."""

    path: Path
    """The walk."""
    steps: int
    """Steps that were done again."""
    digests: int
    """States that were compared."""
    is_whole: bool
    """Whether the walk ended in good order; False where it was killed."""
    difference: str
    """A sentence about the first state that differs, or the line that was cut off; empty when all are the same."""
    film: Path | None = None
    """The film that was written, if any."""

    @property
    def is_exact(self) -> bool:
        """Whether every state was the same and no line was cut off; a walk that was killed between lines is exact."""
        return not self.difference

    def lines(self) -> list[str]:
        """The outcome for people, a line each."""
        same = f"{self.steps} steps done again, all {self.digests} states the log holds are the same bits"
        lines = [f"{self.path}: {self.difference or same}"]
        if not self.is_whole and self.is_exact:
            lines.append("the log has no end: the walk was killed, or its last lines were taken away")
        return lines if self.film is None else [*lines, f"film: {self.film}"]


class _Doer(Protocol):
    """A walk, or a session that draws it too."""

    def do(self, event: Event) -> None:
        """Let something happen."""

    def close(self) -> None:
        """End."""


def walk_again(home: Home, mind: Mind | None, header: Header, options: PlayOptions) -> Replay:
    """Do every event of the log, comparing states, until the end or the first difference.

    Raises:
        ConfigError: If a line cannot be read, an event is refused, or the home is not the one of the walk.
        RenderError: If a film is wanted and nothing can draw.
    """
    path, film = options.replay, options.record
    assert path is not None
    if header.fingerprint != home.fingerprint:
        raise ConfigError(f"{path}: walked in another home, or another build of it, than {options.home!r}")
    with ExitStack() as stack:
        walk, doer, artist = _opened(stack, home, mind, header, options)
        steps = digests = 0
        is_whole = False
        for line in read_lines(path):
            if line.event is not None:
                try:
                    doer.do(line.event)
                except ConfigError as error:
                    raise ConfigError(f"{path}, line {line.number}: {error}") from error
                steps += isinstance(line.event, Step)
            found = digest(walk.world.state())
            digests += 1
            is_whole = is_whole or line.is_last
            if not found.startswith(line.digest):
                return Replay(path, steps, digests, is_whole, _difference(header, line.number, steps))
            if artist is not None and isinstance(line.event, Step):
                artist.film_step()
    cut = _cut_off(digests) if is_cut_off(path) else ""
    return Replay(path, steps, digests, is_whole, cut, film)


class _Artist:
    """Films steps through the observer's eyes."""

    def __init__(self, session: Session, film: VideoWriter, size: tuple[int, int]) -> None:
        self._session, self._film, self._size = session, film, size

    def film_step(self) -> None:
        """The pictures of the last step."""
        for number in range(1, PICTURES_PER_STEP + 1):
            self._film.write(self._session.draw("observer", number / PICTURES_PER_STEP, size=self._size).rgb)


def _opened(
    stack: ExitStack, home: Home, mind: Mind | None, header: Header, options: PlayOptions
) -> tuple[Walk, _Doer, _Artist | None]:
    """What does the events: a walk alone, or a session and a film where one is wanted."""
    if options.record is None:
        walk = Walk(home, mind, header)
        stack.callback(walk.close)
        return walk, walk, None
    session = Session(home, mind, options, header)
    stack.callback(session.close)
    film = stack.enter_context(VideoWriter(options.record, *options.pixels, 10 * PICTURES_PER_STEP))
    return session.walk, session, _Artist(session, film, options.pixels)


def _cut_off(digests: int) -> str:
    return f"line {digests + 2}, the last, is cut off in the middle; all {digests} states before it are the same bits"


def _difference(header: Header, line: int, steps: int) -> str:
    by = "" if header.version == __version__ else f" (written by ats-sim {header.version}, this is {__version__})"
    return f"differs from step {steps} on (line {line}): the state is not the one that was written down{by}"
