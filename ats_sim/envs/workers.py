"""Processes that each simulate some of a batch's worlds; all arrays lie in memory that they share."""

import multiprocessing
import os
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from pickle import PicklingError
from typing import Any

from gymnasium.vector import AutoresetMode

from ats_sim.arrays import Array
from ats_sim.envs.buffers import Layout, arrays_in, bytes_of
from ats_sim.envs.world_batch import WorldBatch, open_envs
from ats_sim.errors import AtsError, ConfigError
from ats_sim.planning import Mind

STOP_SECONDS = 5.0
START_METHOD = "forkserver" if os.name == "posix" else "spawn"
"""Never `fork`: threads of ONNX Runtime and OpenGL do not survive it."""
GUARD = "Workers import the main script: what makes the environment must stand under `if __name__ == '__main__':`"


class Workers:
    """W processes with N worlds in all."""

    def __init__(
        self,
        home: str,
        policy: Mind | None,
        options: dict[str, Any],
        layout: Layout,
        count: int,
        workers: int,
        limits: tuple[int | None, AutoresetMode],
    ) -> None:
        """Start the processes and wait until their worlds stand.

        Raises:
            AtsError: What a worker raised, or that it died.
        """
        if getattr(multiprocessing.current_process(), "_inheriting", False):
            # A worker imports the script that made it, unguarded: without this each would print a long traceback.
            raise SystemExit(GUARD)
        context = multiprocessing.get_context(START_METHOD)
        self._memory: Any = context.RawArray("B", bytes_of(layout, count))
        self.arrays: dict[str, Array] = arrays_in(self._memory, layout, count)
        """The arrays (N, ...) that all processes share."""
        self._parts = [range(count * w // workers, count * (w + 1) // workers) for w in range(workers)]
        self._pipes: list[Connection] = []
        self._processes: list[Any] = []
        for part in self._parts:
            ours, theirs = context.Pipe()
            arguments = (theirs, self._memory, layout, count, part, home, policy, options, limits)
            process: Any = context.Process(target=_work, args=arguments, daemon=True)  # type: ignore[attr-defined]
            try:
                process.start()
            except (TypeError, AttributeError, PicklingError) as error:
                raise ConfigError(f"workers: the policy cannot be sent to other processes ({error})") from error
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)
        try:
            self._answers()
        except Exception:
            self.close()
            raise

    def reset(self, chosen: Sequence[int], seeds: Sequence[int | None], options: dict[str, Any] | None) -> None:
        """As `WorldBatch.reset`."""
        wanted = dict(zip(chosen, seeds, strict=True))
        messages = []
        for part in self._parts:
            own = [index for index in part if index in wanted]
            messages.append(("reset", [index - part.start for index in own], [wanted[index] for index in own], options))
        self._ask(messages)

    def step(self) -> None:
        """As `WorldBatch.step`."""
        self._ask([("step",)] * len(self._parts))

    def call(self, name: str, arguments: Sequence[tuple[Any, ...]], keywords: dict[str, Any]) -> list[Any]:
        """As `WorldBatch.call`."""
        parts = [("call", name, [arguments[index] for index in part], keywords) for part in self._parts]
        return [answer for answers in self._ask(parts) for answer in answers]

    def close(self) -> None:
        """End the processes, also those that hang; safe to call again."""
        for pipe in self._pipes:
            try:
                pipe.send(("close",))
            except OSError:  # it is gone already
                continue
        for process in self._processes:
            process.join(STOP_SECONDS)
            if process.is_alive():
                process.kill()
                process.join()
        for pipe in self._pipes:
            pipe.close()
        self._pipes, self._processes = [], []

    def _ask(self, messages: Sequence[tuple[Any, ...]]) -> list[Any]:
        for index, (pipe, message) in enumerate(zip(self._pipes, messages, strict=True)):
            try:
                pipe.send(message)
            except OSError:
                raise self._death(index) from None
        return self._answers()

    def _answers(self) -> list[Any]:
        """One answer per worker; the first error is raised after all have answered, so that none is left behind."""
        answers = [self._answer(index) for index in range(len(self._pipes))]
        for error, _ in answers:
            if error is not None:
                raise error
        return [answer for _, answer in answers]

    def _answer(self, index: int) -> tuple[Exception | None, Any]:
        pipe = self._pipes[index]
        wait([pipe, self._processes[index].sentinel])
        try:
            # Ready without a word to read: it was the sentinel, the process is gone.
            if not pipe.poll():
                raise EOFError
            answer: tuple[Exception | None, Any] = pipe.recv()
            return answer
        except (EOFError, OSError):
            raise self._death(index) from None

    def _death(self, index: int) -> AtsError:
        self._processes[index].join(STOP_SECONDS)
        code = self._processes[index].exitcode
        return AtsError(
            f"worker {index} of the vector environment died (exit code {code}). {GUARD}; else close it and make a "
            "new one"
        )


def _work(
    pipe: Connection,
    memory: Any,
    layout: Layout,
    count: int,
    part: range,
    home: str,
    policy: Mind | None,
    options: dict[str, Any],
    limits: tuple[int | None, AutoresetMode],
) -> None:
    """A worker's life: answer (error or None, result) to every message until told to close."""
    try:
        envs = open_envs(home, len(part), policy, options)
        arrays = {name: array[part.start : part.stop] for name, array in arrays_in(memory, layout, count).items()}
        batch = WorldBatch(envs, arrays, *limits)
    except Exception as error:
        pipe.send((_portable(error), None))
        return
    pipe.send((None, True))
    while True:
        try:
            verb, *rest = pipe.recv()
        except (EOFError, OSError, KeyboardInterrupt):  # the parent is gone
            verb, rest = "close", []
        if verb == "close":
            batch.close()
            return
        try:
            pipe.send((None, getattr(batch, verb)(*rest)))
        except Exception as error:
            pipe.send((_portable(error), None))


def _portable(error: Exception) -> Exception:
    """The error itself where it is one of ours; otherwise one that tells where it came from."""
    if isinstance(error, AtsError):
        return error
    return AtsError(f"a worker of the vector environment failed: {''.join(traceback.format_exception(error))}")
