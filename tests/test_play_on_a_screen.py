"""On a real X screen – where SDL would bring an OpenGL context of its own – the window shows the home."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("Xvfb") is None, reason="needs Xvfb (apt install xvfb)"),
]
CODE = """
import gymnasium, numpy as np, pygame, ats_sim
env = gymnasium.make("ATSHome-v0", render_mode="human")
env.reset(seed=5)
for _ in range(3):
    env.step(np.zeros(4, np.float32))
print(pygame.display.get_driver(), pygame.surfarray.array3d(pygame.display.get_surface()).mean())
"""


@pytest.fixture
def screen() -> Iterator[str]:
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24"]
    with subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL) as server:
        os.close(write)
        with os.fdopen(read) as stream:
            yield f":{stream.readline().strip()}"
        server.terminate()


def test_the_window_is_not_black(screen: str) -> None:
    environment = {**os.environ, "DISPLAY": screen}
    environment.pop("SDL_VIDEODRIVER", None)
    shown = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)
    driver, brightness = shown.stdout.split()[-2:]
    assert driver == "x11" and float(brightness) > 20.0
