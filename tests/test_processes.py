"""Jobs spread over processes."""

import os
from functools import partial

import pytest

from ats_sim.errors import ReconstructionError
from ats_sim.reconstruction import processes
from ats_sim.reconstruction.processes import side_by_side


def divided(job: int, by: int) -> tuple[float, int]:
    if job == 13:
        raise ReconstructionError("v13: unlucky")
    if job == 99:
        os._exit(1)  # as a process that the system ends for want of memory
    return job / by, os.getpid()


@pytest.fixture(autouse=True)
def _spawning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "can_spawn", lambda: True)  # tests run by xdist seem to have no main script


def test_results_come_in_order_whoever_worked_them_out() -> None:
    work = partial(divided, by=4)
    two, one = list(side_by_side(work, range(8), 2)), list(side_by_side(work, range(8), 1))
    assert [value for value, _ in two] == [value for value, _ in one] == [job / 4 for job in range(8)]
    assert {pid for _, pid in one} == {os.getpid()} and os.getpid() not in {pid for _, pid in two}


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_job_raises_reaches_who_asked(workers: int) -> None:
    with pytest.raises(ReconstructionError, match="v13: unlucky"):
        list(side_by_side(partial(divided, by=1), [12, 13, 14], workers))


def test_a_process_that_dies_is_one_clear_error() -> None:
    with pytest.raises(ReconstructionError, match="a process died .* --workers 1"):
        list(side_by_side(partial(divided, by=1), [1, 99, 2], 2))


def test_no_jobs_need_no_process() -> None:
    assert list(side_by_side(partial(divided, by=1), [], 2)) == []
