"""Work on many videos spread over processes, with the results that one process would have."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TypeVar

import cv2

from ats_sim.errors import ReconstructionError

Job = TypeVar("Job")
Result = TypeVar("Result")


def can_spawn() -> bool:
    """A spawned process imports the main script again, which a program read from stdin does not have."""
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    return getattr(main, "__spec__", None) is not None or (path is not None and Path(path).is_file())


def side_by_side(work: Callable[[Job], Result], jobs: Sequence[Job], workers: int) -> Iterator[Result]:
    """The results of jobs, in their order, worked out by up to `workers` processes, or by this one alone.

    Args:
        work: What is done with a job. It is sent to every process once, with all that it carries, such as the map that
            a `functools.partial` holds.
        jobs: What is sent to whichever process is free.
        workers: Processes, at most.

    Raises:
        ReconstructionError: If a process dies; what is raised in one comes out as it is.
    """
    workers = min(workers, len(jobs)) if can_spawn() else 1
    if workers < 2:
        yield from map(work, jobs)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(work,)) as pool:
        try:
            yield from pool.map(_do, jobs)
        except BrokenProcessPool as error:
            raise ReconstructionError("a process died (out of memory?); run again with --workers 1") from error


_work: list[Callable[[Any], Any]] = []
"""Of a process that works for another: what it was given once."""


def _begin(work: Callable[[Any], Any]) -> None:
    use_one_thread()
    _work.append(work)


def _do(job: Any) -> Any:
    return _work[-1](job)


def use_one_thread() -> None:
    """Several threads in several processes only wait for each other."""
    cv2.setNumThreads(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
