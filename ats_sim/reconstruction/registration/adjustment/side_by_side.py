"""The videos of a round moved in several processes: they do not see each other until the round is over."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import cv2

from ats_sim.progress import Steps
from ats_sim.reconstruction.processes import can_spawn
from ats_sim.reconstruction.registration.adjustment.moving import Mover, Round
from ats_sim.reconstruction.registration.adjustment.strand import Strand

WORTH_PROCESSES = 60
"""Keyframes from which on starting processes, each with a copy of the map, takes less time than it saves."""


class MoveAll(Protocol):
    """Moves all videos of a round."""

    def __call__(self, strands: Sequence[Strand], now: Round, bar: Steps) -> list[Strand]:
        """The strands with other cameras, in their order."""


@contextmanager
def movers(mover: Mover, strands: Sequence[Strand], workers: int) -> Iterator[MoveAll]:
    """What moves strands like these, as many at once as `workers`; the results do not depend on how many."""
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
    with (
        TemporaryDirectory(prefix="ats-rounds-") as folder,
        ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(mover,)) as pool,
    ):

        def side_by_side(strands: Sequence[Strand], now: Round, bar: Steps) -> list[Strand]:
            # Once on disk rather than through a pipe with every video.
            path = Path(folder) / f"{now.number}.pickle"
            path.write_bytes(pickle.dumps(now, protocol=5))
            futures = [pool.submit(_move_here, strand, index, path) for index, strand in enumerate(strands)]
            moved = []
            for future in futures:
                moved.append(future.result())
                bar.advance()
            path.unlink()
            return moved

        yield side_by_side


_mover: list[Mover] = []
_round: dict[Path, Round] = {}
"""Of a process that moves strands: what it was given once, and the round it is in."""


def _begin(mover: Mover) -> None:
    # Several threads in several processes only wait for each other.
    cv2.setNumThreads(1)
    _mover.append(mover)


def _move_here(strand: Strand, index: int, path: Path) -> Strand:
    if path not in _round:
        _round.clear()
        _round[path] = pickle.loads(path.read_bytes())
    return _mover[-1].move(strand, index, _round[path])
