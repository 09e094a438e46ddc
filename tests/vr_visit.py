"""The page that draws by itself, open in a browser with a fake headset, and what our own renderer shows of the same."""

from __future__ import annotations

import base64
import io
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ats_sim.arrays import Array
from ats_sim.geometry import inverse, log_so3, look_at
from ats_sim.home import Home
from ats_sim.rendering.frame import Camera, Frame
from ats_sim.rendering.home_renderer import LIGHT, HomeRenderer

EYE = (200, 160)
"""Width and height of the fake headset's pictures."""


class Visit:
    """The page in a browser."""

    def __init__(self, driver: Any, link: str) -> None:
        self.driver = driver
        self.link = link
        headset = Path(__file__).with_name("fake_headset.js").read_text()
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": headset})
        driver.get(link.replace("/?", "/vr?"))
        self.wait("walk.walker && walk.walker.isPlaced")

    def ask(self, expression: str) -> Any:
        return self.driver.execute_script(f"return {expression}")

    def do(self, script: str) -> None:
        self.driver.execute_script(script)

    def wait(self, expression: str, seconds: float = 30.0) -> Any:
        """Its value, once it is true."""
        end = time.monotonic() + seconds
        while not (value := self.ask(expression)):
            problem = self.ask("document.getElementById('problem').textContent")
            assert time.monotonic() < end and not problem, (expression, problem, self.pose)
            time.sleep(0.03)
        return value

    def until(self, what: Any, seconds: float = 30.0) -> None:
        """Wait until that holds."""
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end, self.pose
            time.sleep(0.03)

    def settle(self) -> None:
        """Wait until the observer looks where the head does."""
        self.wait("Math.abs(wrapped(walk.world.status.pose[2] - walk.walker.yaw)) < 1e-3")
        self.wait("Math.abs(walk.world.status.pose[3] - walk.walker.pitch) < 1e-3")

    @property
    def pose(self) -> Array:
        """(6,) the observer's, as the server says."""
        return np.array(self.ask("walk.world.status && walk.world.status.pose"), dtype=np.float64)

    def eyes(self) -> tuple[Array, Array]:
        """What both eyes are shown, (H, W, 3) uint8 each."""
        self.do("fake.picture = null; fake.wants = true")
        width, height = EYE
        pixels = np.frombuffer(base64.b64decode(self.wait("fake.picture")), np.uint8).reshape(height, 2 * width, 4)
        return pixels[::-1, :width, :3].astype(np.float64), pixels[::-1, width:, :3].astype(np.float64)

    def picture(self, yaw: float, pitch: float) -> Array:
        """The plain page's picture from where the observer is, (H, W, 3)."""
        url = self.ask(
            f"(walk.walker.yaw = {yaw}, walk.walker.pitch = {pitch}, walk.draw(), walk.hands.canvas.toDataURL())"
        )
        picture = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB")
        return np.asarray(picture).astype(np.float64)


class Scene:
    """What our own renderer shows of the moment that a page shows, as far as the page knows it."""

    def __init__(self, home: Home, visit: Visit) -> None:
        self._home, self._renderer = home, HomeRenderer(home, *visit.ask("[innerWidth, innerHeight]"))
        self._eyes = visit.pose[[0, 1, 4]] + [0.0, 0.0, visit.pose[5]]
        self._look = visit.pose[2:4].tolist()
        rows = np.array(visit.ask("[...walk.world.bends]")).reshape(-1, home.skeleton.num_joints, 3, 4)
        maps = np.concatenate([rows, np.broadcast_to([[[[0.0, 0.0, 0.0, 1.0]]]], (*rows.shape[:2], 1, 4))], axis=2)
        self.agents = [self._posed(joints) for joints in maps @ home.skeleton.rest_transforms]

    def _posed(self, joints: Array) -> tuple[Array, Array]:
        """Root pose and joint rotations (J, 3) of joint transforms (J, 4, 4)."""
        skeleton = self._home.skeleton
        turned = inverse(joints[skeleton.joint_parents] @ skeleton.joint_rest) @ joints
        turned[0] = np.eye(4)
        return joints[0], log_so3(turned[:, :3, :3])

    def towards(self, agent: int) -> tuple[float, float]:
        """Yaw and pitch in which an agent is seen."""
        x, y, z = self.agents[agent][0][:3, 3] - self._eyes
        return float(np.arctan2(y, x)), float(np.arctan2(z, np.hypot(x, y)))

    def T_world_observer(self) -> Array:
        """(4, 4) the observer's eyes, as the server says."""
        return self._looking(*self._look)

    def _looking(self, yaw: float, pitch: float) -> Array:
        ahead = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])
        return look_at(self._eyes, self._eyes + ahead)

    def picture(self, yaw: float, pitch: float, shadow: float = LIGHT.shadow) -> Frame:
        """From the observer's eyes."""
        return self.seen(self._renderer.observer_camera(self._looking(yaw, pitch)), shadow)

    def seen(self, camera: Camera, shadow: float = LIGHT.shadow) -> Frame:
        return self._renderer.render(camera, self.agents, lighting=replace(LIGHT, shadow=shadow))

    def close(self) -> None:
        self._renderer.close()


def difference(one: Array, other: Array) -> float:
    return float(np.abs(one - other).mean())


def turned(before: float, now: float) -> float:
    """Radians to the left."""
    return float(np.angle(np.exp(1j * (now - before))))


def overlap(one: Array, other: Array) -> float:
    """Intersection over union of masks."""
    return float((one & other).sum() / (one | other).sum())


def animals_in(visit: Visit, yaw: float, pitch: float) -> Array:
    """(H, W) bool: where the page's picture is another one without the animals, shadows aside."""
    visit.do("walk.drawing.light.shadow = 0")
    there = visit.picture(yaw, pitch)
    visit.do("walk.kept = walk.drawing.pose; walk.drawing.pose = function () { this.count = 0; }")
    gone = visit.picture(yaw, pitch)
    visit.do(f"walk.drawing.pose = walk.kept; walk.drawing.light.shadow = {LIGHT.shadow}")
    return np.abs(there - gone).max(-1) > 2.0
