"""The page in a real browser with real keys: what is pressed happens, and what is seen is the home."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.toy_home import make_toy_home
from tests.viewer_server import serving

webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium (pip install selenium)")
BROWSER = next((found for name in ("chromium", "google-chrome", "chrome") if (found := shutil.which(name))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    BROWSER is None or DRIVER is None, reason="needs a browser (apt install chromium chromium-driver)"
)
SWITCHES = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--window-size=900,700",
)  # fmt: skip


class Tab:
    """The page in a browser's tab."""

    def __init__(self, driver: Any, link: str) -> None:
        self.driver = driver
        driver.get(link)
        self.wait(lambda: self.pictures > 0)

    @property
    def status(self) -> Any:
        return self.driver.execute_script("return window.walk.status")

    @property
    def pictures(self) -> int:
        return int(self.driver.execute_script("return window.walk.pictures"))

    def wait(self, what: Any, seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end, self.status
            time.sleep(0.03)

    def key(self, key: str, down: bool | None = None) -> None:
        """Press a key of the keyboard, or hold it down, or let it go."""
        from selenium.webdriver.common.action_chains import ActionChains

        actions = ActionChains(self.driver, duration=0)
        if down is not False:
            actions.key_down(key)
        if down is not True:
            actions.key_up(key)
        actions.perform()

    def shot(self) -> Any:
        return np.asarray(Image.open(io.BytesIO(self.driver.get_screenshot_as_png())).convert("RGB"))

    def is_shown(self, name: str) -> bool:
        return bool(self.driver.execute_script(f"return !document.getElementById('{name}').hidden"))


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for switch in (*SWITCHES, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(switch)
    home = make_toy_home(tmp_path_factory.mktemp("home") / "toy")
    with serving(str(home)) as link:
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        try:
            yield Tab(driver, link)
        finally:
            driver.quit()


def test_w_walks(tab: Tab) -> None:
    tab.key("v")
    tab.key("v")  # the bird's eye sees the whole room, wherever the observer stands
    start = tab.status["observer"]
    tab.key("\ue012", True)  # the left arrow, so that no wall is in the way for long
    tab.key("w", True)
    tab.wait(lambda: np.hypot(*np.subtract(tab.status["observer"], start)[:2]) > 0.3)
    assert any(row["value"].startswith("walking") for row in tab.status["you"])
    tab.key("w", False)
    tab.key("\ue012", False)
    tab.wait(lambda: any(row["value"] == "standing" for row in tab.status["you"]))


def test_c_crouches_and_stands_up(tab: Tab) -> None:
    tab.key("c")
    tab.wait(lambda: tab.status["stance"] == "crouch" and tab.status["observer"][3] < 0.75)
    tab.key("c")
    tab.wait(lambda: tab.status["stance"] == "walk" and tab.status["observer"][3] > 1.3)


def test_space_pauses_and_z_turns_time_back(tab: Tab) -> None:
    tab.wait(lambda: tab.status["time"] > 0.5)
    tab.key(" ")
    tab.wait(lambda: tab.is_shown("badge"))
    before = tab.status["time"]
    tab.key("z")
    tab.wait(lambda: tab.status["time"] == pytest.approx(before - 0.1))
    tab.key(" ")
    tab.wait(lambda: not tab.is_shown("badge"))
    tab.wait(lambda: tab.status["time"] > before)


def test_the_picture_is_the_home_with_panels_on_it(tab: Tab, tmp_path: Path) -> None:
    picture = tab.shot()
    assert picture.shape[1] == 900
    assert picture[100:-100].std() > 10.0  # not black, not of one colour
    names = ("animal", "you", "chips", "picture")
    boxes = {
        name: tab.driver.execute_script(
            "const b = document.getElementById(arguments[0]).getBoundingClientRect();"
            "return [b.left, b.top, b.right, b.bottom]", name
        )
        for name in names
    }  # fmt: skip
    height = boxes["picture"][3]
    assert boxes["picture"] == [0, 0, 900, height]
    assert boxes["animal"][0] < 30 and boxes["you"][2] > 870 and boxes["chips"][3] > height - 30
    assert boxes["animal"][2] < boxes["you"][0]
    assert tab.driver.execute_script("return document.documentElement.scrollHeight <= innerHeight")


def test_help_perception_and_clicks(tab: Tab) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    tab.key("h")
    tab.wait(lambda: tab.is_shown("help"))
    assert "turn time back" in tab.driver.find_element("id", "help").text
    assert "Drawn by your browser" in tab.driver.find_element("id", "help").text
    assert not tab.is_shown("vr")  # no headset here
    tab.key("h")
    tab.wait(lambda: not tab.is_shown("help"))
    tab.driver.find_elements("css selector", ".chip")[1].click()
    tab.wait(lambda: tab.status["knows"][1] == ["you", False])
    tab.key("2")
    tab.wait(lambda: tab.status["knows"][1] == ["you", True])
    tab.key(" ")  # or the animal might be there before anybody looked
    canvas = tab.driver.find_element("id", "picture")
    ActionChains(tab.driver).move_to_element(canvas).click().perform()
    tab.wait(lambda: tab.status["map"]["is_sent"])
    tab.key("\ue003")  # backspace
    tab.wait(lambda: not tab.status["map"]["is_sent"])
    tab.key(" ")


def test_the_right_button_looks_around(tab: Tab) -> None:
    yaw = tab.status["observer"][2]
    press = {"pointerType": "mouse", "button": "right", "buttons": 2}
    for kind, x in (("mousePressed", 400), ("mouseMoved", 300), ("mouseReleased", 300)):
        tab.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": 300, **press})
    tab.wait(lambda: np.angle(np.exp(1j * (tab.status["observer"][2] - yaw))) == pytest.approx(0.4, abs=0.01))


def test_m_gives_the_mouse_to_the_head_and_takes_it_back(tab: Tab) -> None:
    tab.key("m")
    tab.wait(lambda: tab.status["is_captured"] and tab.is_shown("cross"))
    yaw = tab.status["observer"][2]
    for x in (400, 450, 500):
        tab.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": x, "y": 300})
    tab.wait(lambda: abs(np.angle(np.exp(1j * (tab.status["observer"][2] - yaw)))) > 0.15)
    tab.key("m")
    tab.wait(lambda: not tab.status["is_captured"])


def test_q_leaves_and_a_click_comes_back(tab: Tab) -> None:
    tab.key("q")
    tab.wait(lambda: tab.is_shown("veil"))
    assert "You left" in tab.driver.find_element("id", "veil").text
    seen = tab.pictures
    tab.driver.find_element("id", "veil").click()
    tab.wait(lambda: tab.pictures > seen)
    assert tab.status["role"] == "control"


def test_the_browser_has_nothing_to_complain_about(tab: Tab) -> None:
    assert [entry["message"] for entry in tab.driver.get_log("browser") if entry["level"] != "INFO"] == []
