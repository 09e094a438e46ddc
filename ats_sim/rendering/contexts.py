"""What OpenGL this process holds: no context survives a fork, and pyrender's and moderngl's do not belong together.

pyrender ends the whole display when one of its canvases goes, and moderngl then draws nothing without a word; a child
forked beside a context waits for ever for the driver's threads, which were not forked with it.
"""

from __future__ import annotations

import ctypes
import os
from functools import lru_cache
from typing import Any
from weakref import WeakSet

from ats_sim.errors import RenderError

_opened_in: set[int] = set()


class Hold:
    """One renderer's share in this process' OpenGL."""

    kind: str
    """Which library draws."""

    def __init__(self, kind: str) -> None:
        """Note that a renderer of a kind (moderngl, pyrender) opens; RenderError where it would not work."""
        here = os.getpid()
        if _opened_in - {here}:
            raise RenderError(f"process {here} was forked from one that has used OpenGL, which hangs here. {SPAWN}")
        others = {hold.kind for hold in _live} - {kind}
        if others:
            raise RenderError(
                f"a {others.pop()} renderer is open in this process, and {kind} would break its pictures: close it, "
                f"open {kind} in a process of its own, or draw with raycast (`ats doctor` tells what mixes)."
            )
        _opened_in.add(here)
        self.kind, self._process = kind, here
        _live.add(self)

    @property
    def is_inherited(self) -> bool:
        """Whether this process was forked after the renderer was opened."""
        return os.getpid() != self._process

    def check(self) -> None:
        """RenderError in a forked process."""
        if self.is_inherited:
            raise RenderError(
                f"this renderer belongs to process {self._process}; OpenGL does not survive the fork to {os.getpid()}. "
                + SPAWN
            )

    def release(self) -> None:
        """Note that the renderer is closed; calling it twice is fine."""
        _live.discard(self)


_live: WeakSet[Hold] = WeakSet()

SPAWN = (
    "Start processes with multiprocessing.get_context('forkserver') or 'spawn' (AsyncVectorEnv(..., "
    "context='forkserver')) and open renderers in the child, or draw with raycast."
)

LOST = (
    "OpenGL draws nothing any more: another library of this process (pyrender, a window of SDL) took or ended its "
    "display. Keep them in processes of their own, or draw with the raycast backend; `ats doctor` tells which mix."
)


def current_context() -> int | None:
    """Address of the thread's EGL context; None where there is none, or no EGL to ask.

    A foreign context that stays current takes our calls as its own, and crashes.
    """
    egl = _egl()
    return None if egl is None else egl.eglGetCurrentContext()


@lru_cache(maxsize=1)
def _egl() -> Any | None:
    try:
        egl = ctypes.CDLL("libEGL.so.1")
    except OSError:
        return None
    egl.eglGetCurrentContext.restype = ctypes.c_void_p
    return egl
