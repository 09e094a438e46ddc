"""What works on this machine: every renderer, the physics, the network runtime, the film writer, the window – and
which of them can live in one process.

Each is tried in a process of its own, because a broken graphics driver may crash and two OpenGL platforms do not mix.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field

SECONDS = 60.0


@dataclass(frozen=True)
class Trial:
    """Something to try."""

    name: str
    """What is tried."""
    code: str
    """Python that prints one line of detail, or fails."""
    fix: str
    """The one line that mends it."""
    is_needed: bool = False
    """Whether `ats play` cannot do without it."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of the trial."""


@dataclass(frozen=True)
class Finding:
    """What came of a trial."""

    name: str
    """What was tried."""
    works: bool
    """Whether it works."""
    detail: str
    """What it said."""
    fix: str
    """The one line that mends it; empty where it works."""
    is_needed: bool
    """Whether `ats play` cannot do without it."""

    @property
    def verdict(self) -> str:
        """One word or two: works, absent, or that two things do not mix."""
        if self.works:
            return "works"
        return "no mix" if " + " in self.name else "absent"


_DRAW = """
import os, sys
import numpy as np
from ats_sim.errors import RenderError
from ats_sim.geometry import Intrinsics
from ats_sim.mesh import TriangleMesh
from ats_sim.rendering import Camera, open_renderer
corners = np.array([[-1.0, -1.0, 2.0], [1.0, -1.0, 2.0], [0.0, 1.0, 2.0]])
def broken(reason):
    # What is broken may crash while it is tidied up.
    print(reason, file=sys.stderr, flush=True)
    os._exit(1)
def opened(backend):
    renderer = open_renderer(backend)
    renderer.add(TriangleMesh(corners, np.array([[0, 1, 2]])), 1)
    return renderer
def draws(renderer):
    try:
        frame = renderer.render(Camera(Intrinsics.from_fov(1.0, 64, 48), np.eye(4)))
    except RenderError:
        return False
    return abs(float(frame.depth[24, 32]) - 2.0) <= 1e-3 and int(frame.rgb[24, 32].max()) > 0
"""
_PICTURE = (
    _DRAW
    + """
if not draws(opened({backend!r})):
    raise SystemExit("draws, but wrongly")
print({detail})
"""
)
_GL_NAME = "__import__('moderngl').create_context(standalone=True, backend='egl').info['GL_RENDERER']"
_PYRENDER = "'pyrender over ' + __import__('os').environ['PYOPENGL_PLATFORM']"
_ONNX = """
import onnxruntime
print(onnxruntime.__version__, 'offers', ', '.join(onnxruntime.get_available_providers()))
"""
_ONNX_CUDA = """
import ctypes, onnxruntime
if 'CUDAExecutionProvider' not in onnxruntime.get_available_providers():
    raise SystemExit('this build has no CUDA')
ctypes.CDLL('libcuda.so.1')
print('a driver is there; ATS_ONNX_PROVIDER=cuda uses it')
"""
_BULLET = """
import pybullet
client = pybullet.connect(pybullet.DIRECT)
pybullet.stepSimulation(client)
print('DIRECT, API', pybullet.getAPIVersion(client))
"""
_GLX = """
import moderngl
print(moderngl.create_context(standalone=True, require=330).info['GL_RENDERER'])
"""
_WINDOW = """
import pygame
pygame.display.init()
pygame.display.set_mode((64, 48))
driver = pygame.display.get_driver()
if driver in ('offscreen', 'dummy'):
    raise SystemExit('no screen')
print(driver)
"""
_FILM = """
import av
av.codec.Codec('libx264', 'w')
print('PyAV', av.__version__, 'with libx264')
"""
_TWO_OF_OURS = (
    _DRAW
    + """
first, second = opened("moderngl"), opened("moderngl")
if not (draws(first) and draws(second) and draws(first)):
    raise SystemExit("one of two renderers draws wrongly")
second.close()
if not draws(first):
    raise SystemExit("closing one renderer breaks the other")
print("side by side, and one outlives the other")
"""
)
_WITH_PYRENDER = (
    _DRAW
    + """
np.infty = np.inf
ours = opened("moderngl")
if not draws(ours):
    broken("moderngl draws wrongly even alone")
import pyrender
scene = pyrender.Scene()
scene.add(pyrender.PerspectiveCamera(1.0))
canvas = pyrender.OffscreenRenderer(64, 48)
canvas.render(scene)
canvas.delete()
if not draws(ours):
    broken("once pyrender deletes a canvas, moderngl draws nothing (ats-sim raises RenderError)")
print("a canvas of pyrender can come and go")
"""
)
_WITH_WINDOW = (
    _DRAW
    + """
import pygame
ours = opened("moderngl")
pygame.display.init()
pygame.display.set_mode((64, 48), {flags})
if pygame.display.get_driver() in ("offscreen", "dummy"):
    print("no screen here, so nothing to mix with")
    raise SystemExit
pygame.display.flip()
if not draws(ours):
    broken("once SDL draws its window by OpenGL, moderngl draws nothing (ats-sim raises RenderError)")
print("a window on", pygame.display.get_driver(), "and pictures beside it")
"""
)
_WITH_FORK = (
    _DRAW
    + """
import signal, time
import moderngl
context = moderngl.create_context(standalone=True, backend="egl")
target = context.simple_framebuffer((64, 48))
child = os.fork()
if child == 0:
    with context:
        target.use()
        target.clear(1.0, 0.0, 0.0)
        os._exit(0 if target.read()[:1] == bytes([255]) else 1)
for _ in range(30):
    time.sleep(0.1)
    ended, status = os.waitpid(child, os.WNOHANG)
    if ended:
        break
else:
    os.kill(child, signal.SIGKILL)
    broken("a forked child that draws with its parent's OpenGL hangs (ats-sim raises RenderError instead)")
if status:
    broken("a forked child draws wrongly with its parent's OpenGL (ats-sim raises RenderError instead)")
print("this driver survives a fork; ats-sim refuses it all the same, other drivers hang")
"""
)
_WITH_MUJOCO = """
import OpenGL
from OpenGL import EGL
if not hasattr(EGL, "EGLDeviceEXT"):
    raise SystemExit(f"PyOpenGL {OpenGL.__version__}, which pyrender asks for, is too old for MuJoCo's EGL renderer")
print("PyOpenGL", OpenGL.__version__, "serves both")
"""

TRIALS = (
    Trial(
        "moderngl (EGL)", _PICTURE.format(backend="moderngl", detail=_GL_NAME), "sudo apt-get install -y libegl1 libgl1"
    ),
    Trial(
        "raycast (Embree)", _PICTURE.format(backend="raycast", detail="'needs no OpenGL'"), "pip install embreex", True
    ),
    Trial(
        "pyrender (EGL)",
        _PICTURE.format(backend="pyrender", detail=_PYRENDER),
        "sudo apt-get install -y libegl1 libgl1 libxrender1",
        environment={"PYOPENGL_PLATFORM": "egl"},
    ),
    Trial(
        "pyrender (OSMesa)",
        _PICTURE.format(backend="pyrender", detail=_PYRENDER),
        "sudo apt-get install -y libosmesa6 && pip install --no-deps PyOpenGL==3.1.10",
        environment={"PYOPENGL_PLATFORM": "osmesa"},
    ),
    Trial("OpenGL on a screen (GLX)", _GLX, "needs a desktop session (DISPLAY); only for comparison"),
    Trial("window (pygame)", _WINDOW, "needs a desktop session; without one `ats play` writes a film"),
    Trial("film (H.264)", _FILM, "pip install av", True),
    Trial("physics (PyBullet)", _BULLET, "pip install pybullet (Python 3.11)", True),
    Trial("networks (ONNX Runtime)", _ONNX, "pip install onnxruntime", True),
    Trial("moderngl + moderngl", _TWO_OF_OURS, "pip install -U moderngl glcontext"),
    Trial(
        "moderngl + pyrender",
        _WITH_PYRENDER,
        "one of them per process: run pyrender in a subprocess, or draw with renderer='raycast' beside it",
        environment={"PYOPENGL_PLATFORM": "egl"},
    ),
    Trial(
        "moderngl + window of SDL",
        _WITH_WINDOW.format(flags="0"),
        "export SDL_FRAMEBUFFER_ACCELERATION=0 before pygame starts (ats_sim.rendering sets it where it is not set)",
    ),
    Trial(
        "moderngl + OpenGL window of SDL",
        _WITH_WINDOW.format(flags="pygame.OPENGL | pygame.DOUBLEBUF"),
        "open the window without pygame.OPENGL, or draw with renderer='raycast'",
    ),
    Trial(
        "moderngl + fork",
        _WITH_FORK,
        "AsyncVectorEnv(..., context='forkserver'), or multiprocessing.get_context('forkserver'); never 'fork'",
    ),
    Trial(
        "pyrender + MuJoCo (EGL)",
        _WITH_MUJOCO,
        "pip install --no-deps PyOpenGL==3.1.10",
        environment={"PYOPENGL_PLATFORM": "egl"},
    ),
    Trial(
        "networks on the GPU",
        _ONNX_CUDA,
        "needs an NVIDIA driver, pip uninstall onnxruntime, then pip install 'onnxruntime-gpu[cuda,cudnn]'",
    ),
)


def examine(trials: tuple[Trial, ...] = TRIALS) -> list[Finding]:
    """Try everything, one after the other."""
    return [_try(trial) for trial in trials]


def _try(trial: Trial) -> Finding:
    quiet = {"PYGAME_HIDE_SUPPORT_PROMPT": "1", "OMP_NUM_THREADS": "1"}
    environment = {**os.environ, **quiet, **trial.environment}
    command = [sys.executable, "-c", trial.code]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=environment, check=False)
    except subprocess.TimeoutExpired:
        return Finding(trial.name, False, f"no answer within {SECONDS:.0f} s", trial.fix, trial.is_needed)
    works = ran.returncode == 0
    said = (ran.stdout if works else ran.stderr).strip().splitlines() or ["silent"]
    detail = said[-1] if works or ran.returncode > 0 else f"crashed (signal {-ran.returncode})"
    return Finding(
        trial.name, works, textwrap.shorten(detail, 160, placeholder=" …"), "" if works else trial.fix, trial.is_needed
    )
