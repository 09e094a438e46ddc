"""What would break pictures in silence is refused in words: mixed OpenGL libraries, forks, displays that went away."""

from __future__ import annotations

import os
import subprocess
import sys
from weakref import WeakSet

import numpy as np
import pytest

from ats_sim.errors import RenderError
from ats_sim.geometry import Intrinsics
from ats_sim.rendering import Camera, contexts, moderngl_backend, open_renderer
from ats_sim.rendering.contexts import Hold

START = """
import os
import numpy as np
from ats_sim.errors import RenderError
from ats_sim.geometry import Intrinsics
from ats_sim.mesh import TriangleMesh
from ats_sim.rendering import Camera, open_renderer
camera = Camera(Intrinsics.from_fov(1.0, 32, 24), np.eye(4))
corners = np.array([[-1.0, -1.0, 2.0], [1.0, -1.0, 2.0], [0.0, 1.0, 2.0]])
def ready(backend):
    renderer = open_renderer(backend)
    renderer.add(TriangleMesh(corners, np.array([[0, 1, 2]])), 1)
    return renderer
"""


def told(program: str) -> list[str]:
    """What a process of its own prints, line by line; the test fails if it hangs or fails."""
    environment = {**os.environ, "PYOPENGL_PLATFORM": "egl"}
    command = [sys.executable, "-c", START + program]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_a_forked_child_gets_an_error_instead_of_hanging() -> None:
    said = told("""
renderer = ready("moderngl")
renderer.render(camera)
child = os.fork()
if child == 0:
    for use in (lambda: renderer.render(camera), lambda: open_renderer("moderngl")):
        try:
            use()
        except RenderError as error:
            print(error, flush=True)
    print(open_renderer("auto").name, flush=True)
    renderer.close()
    os._exit(0)
os.waitpid(child, 0)
print(renderer.render(camera).labels[12, 16])
""")
    assert "does not survive the fork" in said[0] and "forkserver" in said[0]
    assert "forked from one that has used OpenGL" in said[1]
    assert said[2:] == ["raycast", "1"]


def test_moderngl_and_pyrender_are_not_open_at_once() -> None:
    pytest.importorskip("pyrender")
    said = told("""
for first, second in (("moderngl", "pyrender"), ("pyrender", "moderngl")):
    held = ready(first)
    try:
        open_renderer(second)
    except RenderError as error:
        print(error)
    print(held.render(camera).labels[12, 16])
    held.close()
    after = ready(second)
    print(after.render(camera).labels[12, 16])
    after.close()
""")
    assert "a moderngl renderer is open" in said[0] and "pyrender" in said[0] and "close it" in said[0]
    assert "a pyrender renderer is open" in said[3]
    assert said[1:3] == ["1", "1"] and said[4:] == ["1", "1"]


def test_a_display_that_another_library_ended_is_noticed() -> None:
    pytest.importorskip("pyrender")
    said = told("""
np.infty = np.inf
import pyrender
renderer = ready("moderngl")
renderer.render(camera)
canvas, scene = pyrender.OffscreenRenderer(32, 24), pyrender.Scene()
scene.add(pyrender.PerspectiveCamera(1.0))
canvas.render(scene)
canvas.delete()
try:
    frame = renderer.render(camera)
    print("drawn", frame.labels[12, 16], frame.rgb[12, 16].max() > 0)
except RenderError as error:
    print(error)
""")
    assert said == ["drawn 1 True"] or "draws nothing any more" in said[0]


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no other test had left a renderer open."""
    monkeypatch.setattr(contexts, "_live", WeakSet())


@pytest.mark.usefixtures("alone")
def test_a_forgotten_renderer_stands_in_nobodys_way() -> None:
    first = Hold("moderngl")
    with pytest.raises(RenderError, match="moderngl renderer is open"):
        Hold("pyrender")
    del first
    Hold("pyrender").release()


@pytest.mark.usefixtures("alone")
def test_closing_lets_the_other_library_in() -> None:
    open_renderer("moderngl").close()
    hold = Hold("pyrender")
    with pytest.raises(RenderError, match="pyrender renderer is open"):
        open_renderer("moderngl")
    assert open_renderer("auto").name == "raycast"
    hold.release()
    open_renderer("moderngl").close()


def test_nothing_is_drawn_into_a_foreign_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another library's context that stays current would take our buffers' names for its own, and crash."""
    renderer = open_renderer("moderngl")
    camera = Camera(Intrinsics.from_fov(1.0, 8, 6), np.eye(4))
    renderer.render(camera)
    with monkeypatch.context() as foreign:
        foreign.setattr(moderngl_backend, "current_context", lambda: 1)
        with pytest.raises(RenderError, match="took or ended its display"):
            renderer.render(camera)
    renderer.render(camera)
    renderer.close()
