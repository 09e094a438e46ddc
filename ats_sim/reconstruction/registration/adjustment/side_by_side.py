"""The videos of a round moved in several processes: they do not see each other until the round is over."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Protocol

from ats_sim.errors import ReconstructionError
from ats_sim.progress import Steps
from ats_sim.reconstruction.processes import can_spawn, use_one_thread
from ats_sim.reconstruction.registration.adjustment.moving import Mover, Round
from ats_sim.reconstruction.registration.adjustment.strand import Strand

WORTH_PROCESSES = 60
"""Keyframes from which on starting processes, each with a copy of the map, takes less time than it saves."""
GROUPS = 3
"""Groups of videos per process and round: the round is sent with each, and nobody should wait long for the last."""


class MoveAll(Protocol):
    """Moves all videos of a round."""

    def __call__(self, strands: Sequence[Strand], now: Round, bar: Steps) -> list[Strand]:
        """The strands with other cameras, in their order."""


@contextmanager
def movers(mover: Mover, strands: Sequence[Strand], workers: int) -> Iterator[MoveAll]:
    """What moves strands like these, as many at once as `workers`; the results do not depend on how many.

    Raises:
        ReconstructionError: If a process dies; what is raised in one comes out as it is.
    """
    workers = min(workers, len(strands))
    if workers < 2 or not can_spawn() or sum(len(strand.frames) for strand in strands) < WORTH_PROCESSES:

        def one_by_one(strands: Sequence[Strand], now: Round, bar: Steps) -> list[Strand]:
            moved = []
            for index, strand in enumerate(strands):
                moved.append(mover.move(strand, index, now))
                bar.advance()
            return moved

        yield one_by_one
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(mover,)) as pool:

        def side_by_side(strands: Sequence[Strand], now: Round, bar: Steps) -> list[Strand]:
            numbered = list(enumerate(strands))
            size = -(-len(numbered) // (GROUPS * workers))
            groups = [numbered[first : first + size] for first in range(0, len(numbered), size)]
            futures = [pool.submit(_move_here, group, now) for group in groups]
            moved: list[Strand] = []
            try:
                for group, future in zip(groups, futures, strict=True):
                    moved += future.result()
                    bar.advance(len(group))
            except BrokenProcessPool as error:
                left = ", ".join(strand.video.name for strand in strands[len(moved) :])
                raise ReconstructionError(
                    f"adjusting {left}: a process died (out of memory?); run again with --workers 1"
                ) from error
            finally:
                for future in futures:  # after an error or Ctrl-C nobody waits for what has not begun
                    future.cancel()
            return moved

        yield side_by_side


_mover: list[Mover] = []
"""Of a process that moves strands: what it was given once."""


def _begin(mover: Mover) -> None:
    use_one_thread()
    _mover.append(mover)


def _move_here(group: Sequence[tuple[int, Strand]], now: Round) -> list[Strand]:
    return [_mover[-1].move(strand, index, now) for index, strand in group]
