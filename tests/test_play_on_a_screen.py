"""On a real X screen – where SDL would bring an OpenGL context along – the window shows the home and hears keys."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

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


@pytest.mark.skipif(shutil.which("xdotool") is None, reason="needs xdotool (apt install xdotool)")
def test_real_keys_walk_crouch_and_leave(screen: str, tmp_path: Path) -> None:
    log = tmp_path / "walk.jsonl"
    environment = {**os.environ, "DISPLAY": screen}
    environment.pop("SDL_VIDEODRIVER", None)

    def steps() -> list[dict[str, list[float]]]:
        text = log.read_text() if log.exists() else ""
        return [json.loads(line) for line in text.splitlines()[1:] if '"step"' in line and line.endswith("}")]

    def press(*words: str) -> None:
        subprocess.run(["xdotool", *words], env=environment, check=True)

    def wait_for(steps_more: int) -> None:
        wanted, end = len(steps()) + steps_more, time.monotonic() + 60.0
        while len(steps()) < wanted:
            assert time.monotonic() < end
            time.sleep(0.05)

    command = [sys.executable, "-m", "ats_sim.cli", "play", "--log", str(log)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        wait_for(3)
        press("mousemove", "400", "300", "keydown", "w")
        wait_for(6)
        press("keyup", "w", "key", "c")
        wait_for(3)
        press("key", "q")
        assert process.wait(60) == 0
    assert max(step["action"][0] for step in steps()) == 1.0
    assert steps()[-1]["action"] == [0.0, 0.0, 0.0, 0.0]
    assert '{"do": "stance", "stance": "crouch"' in log.read_text()
