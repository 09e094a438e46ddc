"""The page that draws the home itself, in a real browser with a headset that is not real (`fake_headset.js`)."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ats_sim.geometry import Intrinsics
from ats_sim.home import Home
from ats_sim.play.options import PlayOptions
from ats_sim.play.run import replay
from ats_sim.rendering.frame import Camera
from ats_sim.rendering.home_renderer import AGENT_LABEL, LIGHT, SCENE_LABEL
from tests.toy_home import ScriptedMind, make_toy_home
from tests.viewer_server import serving
from tests.vr_visit import EYE, Scene, Visit, animals_in, difference, overlap, turned

webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium (pip install selenium)")
BROWSER = next((found for name in ("chromium", "google-chrome", "chrome") if (found := shutil.which(name))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    BROWSER is None or DRIVER is None, reason="needs a browser (apt install chromium chromium-driver)"
)
SWITCHES = (
    "--headless", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic",
    "--no-first-run", "--disable-sync", "--disable-background-networking", "--disable-component-update",
    "--force-device-scale-factor=1", "--window-size=400,360",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_toy_home(tmp_path_factory.mktemp("home") / "toy", textured=True)


@pytest.fixture(scope="module")
def visit(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for switch in (*SWITCHES, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(switch)
    log = tmp_path_factory.mktemp("log") / "walk.jsonl"
    with serving(str(folder), log=log, agents=2) as link:
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        try:
            yield Visit(driver, link)
        finally:
            driver.quit()
    # All that the tests below did in the browser is one walk, and is done again bit for bit.
    assert replay(PlayOptions(replay=log), mind=ScriptedMind()).is_exact


@pytest.fixture
def paused(visit: Visit) -> Iterator[Visit]:
    """The page while time stands still: the observer looks where the head does, the last step is shown to its end."""
    visit.settle()
    visit.do("walk.line.tap('space')")
    visit.wait("walk.world.status.badge === 'paused' && walk.world.since + walk.world.lasts < performance.now()")
    visit.do("walk.world.show(performance.now())")
    yield visit
    visit.do("walk.line.tap('space')")
    visit.wait("walk.world.status.badge === ''")


@pytest.fixture
def scene(paused: Visit, folder: Path) -> Iterator[Scene]:
    opened = Scene(Home.load(folder, require_policy=False), paused)
    yield opened
    opened.close()


def test_the_browser_shows_what_our_own_renderer_shows(paused: Visit, scene: Scene) -> None:
    """Colours within one level of 255 in the mean, animals where they are; three degrees aside, neither holds."""
    for agent in (0, 1):
        yaw, pitch = scene.towards(agent)
        shown, animals = paused.picture(yaw, pitch), animals_in(paused, yaw, pitch)
        own = scene.picture(yaw, pitch)
        assert (own.labels >= AGENT_LABEL).sum() > 300
        assert difference(shown, own.rgb) < 1.0
        assert overlap(animals, own.labels >= AGENT_LABEL) > 0.85
        for aside, up in ((0.05, 0.0), (0.0, 0.05)):
            wrong = scene.picture(yaw + aside, pitch + up)
            assert difference(shown, wrong.rgb) > 2.0
            assert overlap(animals, wrong.labels >= AGENT_LABEL) < 0.7


def test_animals_throw_shadows(paused: Visit, scene: Scene) -> None:
    """As dark as our renderer's, and where those are, if not of their shape."""
    yaw, pitch = scene.towards(0)
    own = scene.picture(yaw, pitch)
    own_shade = scene.picture(yaw, pitch, shadow=0.0).rgb.astype(np.float64) - own.rgb
    shown = paused.picture(yaw, pitch)
    paused.do("walk.drawing.light.shadow = 0")
    shade = paused.picture(yaw, pitch) - shown
    paused.do(f"walk.drawing.light.shadow = {LIGHT.shadow}")
    on_floor = own.labels == SCENE_LABEL
    dark, own_dark = (on_floor & (one.mean(-1) > 8.0) for one in (shade, own_shade))
    assert overlap(dark, own_dark) > 0.3
    assert np.percentile(shade[dark], 90) == pytest.approx(np.percentile(own_shade[own_dark], 90), rel=0.35)


def walks(visit: Visit, key: str) -> bool:
    """Whether holding a key moves the observer within two seconds."""
    from selenium.webdriver.common.action_chains import ActionChains

    before, end = visit.pose, time.monotonic() + 2.0
    ActionChains(visit.driver, duration=0).key_down(key).perform()
    while not (moved := np.hypot(*(visit.pose - before)[:2]) > 0.01) and time.monotonic() < end:
        time.sleep(0.03)
    ActionChains(visit.driver, duration=0).key_up(key).perform()
    return bool(moved)


def test_mouse_and_keys_do_without_a_headset(visit: Visit) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    visit.settle()
    before = visit.pose
    for kind, x in (("mousePressed", 490), ("mouseMoved", 390), ("mouseReleased", 390)):
        place = {"x": x, "y": 20, "button": "left", "buttons": 1, "clickCount": 1}
        visit.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, **place})
    visit.until(lambda: turned(before[2], visit.pose[2]) == pytest.approx(0.4, abs=0.01))
    assert any(walks(visit, key) for key in "wsda")  # not all of them lead into walls
    ActionChains(visit.driver, duration=0).send_keys("c").perform()
    visit.until(lambda: visit.pose[5] == pytest.approx(0.7))
    ActionChains(visit.driver, duration=0).send_keys("c").perform()
    visit.until(lambda: visit.pose[5] == pytest.approx(1.4))
    for kind in ("mousePressed", "mouseReleased"):
        place = {"x": 440, "y": 20, "button": "left", "clickCount": 1}
        visit.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, **place})
    visit.wait("walk.world.status.goal")
    ActionChains(visit.driver, duration=0).send_keys("\ue003").perform()
    visit.wait("!walk.world.status.goal")


@pytest.fixture(scope="module")
def worn(visit: Visit) -> Visit:
    """The page in the headset, in the middle of the room."""
    visit.driver.find_element("id", "enter").click()
    visit.wait("fake.frames > 2 && walk.headset.T_world_room")
    return visit


def look(worn: Visit, yaw: float, pitch: float) -> None:
    """Turn the head until the observer looks somewhere."""
    worn.do(f"fake.head.yaw += wrapped({yaw} - walk.walker.yaw); fake.head.pitch = {pitch}")
    worn.until(lambda: turned(yaw, worn.pose[2]) == pytest.approx(0.0, abs=0.002))
    worn.settle()


def test_each_eye_sees_what_our_own_renderer_sees_from_there(worn: Visit, scene: Scene) -> None:
    """Through lenses that are not symmetric; with the eyes mixed up, or side by side, it would not."""
    worn.do("for (const side of ['left', 'right']) fake[side].targetRayMode = 'gaze'")
    width, height = EYE
    shown, own = worn.eyes(), []
    for side in (-1.0, 1.0):
        T_world_eye = scene.T_world_observer()
        T_world_eye[:3, 3] += side * 0.032 * T_world_eye[:3, 0]
        focal = 0.8 * height
        lens = Intrinsics(focal, focal, 0.5 * width * (1.0 - 0.1 * side) - 0.5, 0.5 * (height - 1), width, height)
        own.append(scene.seen(Camera(lens, T_world_eye)).rgb)
    worn.do("for (const side of ['left', 'right']) fake[side].targetRayMode = 'tracked-pointer'")
    for eye in (0, 1):
        assert difference(shown[eye], own[eye]) < 0.5
        assert difference(shown[eye], own[1 - eye]) > 2.0


def test_the_stick_walks_in_the_direction_of_the_head(worn: Visit) -> None:
    places = np.array([[-1.8, -1.3], [-1.8, 1.3], [0.3, 1.3], [0.3, -1.3]])
    away = places - worn.pose[:2]
    farthest = away[np.argmax(np.hypot(*away.T))]
    look(worn, float(np.arctan2(farthest[1], farthest[0])), 0.0)
    before = worn.pose
    worn.do("fake.left.gamepad.axes = [0, 0, 0, -1]")
    worn.until(lambda: np.hypot(*(worn.pose - before)[:2]) > 0.4)
    worn.do("fake.left.gamepad.axes = [0, 0, 0, 0]")
    moved = (worn.pose - before)[:2]
    assert turned(np.arctan2(moved[1], moved[0]), before[2]) == pytest.approx(0.0, abs=0.3)


def test_turning_the_head_turns_the_observer(worn: Visit) -> None:
    before = worn.pose
    worn.do("fake.head.yaw += 0.8; fake.head.pitch = -0.3")
    worn.until(lambda: turned(before[2], worn.pose[2]) == pytest.approx(0.8, abs=0.01))
    worn.until(lambda: worn.pose[3] == pytest.approx(-0.3, abs=0.01))
    look(worn, float(before[2]), 0.0)


def test_the_right_stick_turns_by_thirty_degrees_once(worn: Visit) -> None:
    before = worn.pose
    worn.do("fake.right.gamepad.axes = [0, 0, 1, 0]")
    worn.until(lambda: turned(before[2], worn.pose[2]) == pytest.approx(-np.pi / 6, abs=0.01))
    time.sleep(0.3)
    assert turned(before[2], worn.pose[2]) == pytest.approx(-np.pi / 6, abs=0.01)
    worn.do("fake.right.gamepad.axes = [0, 0, 0, 0]")


def test_steps_through_the_real_room_are_walked_after(worn: Visit) -> None:
    """The head is carried to the middle of the room; the observer ends up below it."""
    before, head = worn.pose, np.array(worn.ask("[...walk.headset.T_world_room]")).reshape(4, 4).T
    inwards = np.array([-0.8, 0.0]) - before[:2]
    inwards /= np.hypot(*inwards)
    step = head[:3, :3].T @ [0.3 * inwards[0], 0.3 * inwards[1], 0.0]
    worn.do(f"fake.head.place[0] += {step[0]}; fake.head.place[2] += {step[2]}")
    worn.until(lambda: (worn.pose - before)[:2] @ inwards > 0.24)
    ahead = "Math.hypot(...walk.walker.roamed.map((part, i) => part - walk.world.status.followed[i]))"
    worn.wait(f"{ahead} < 0.06")


def test_a_body_that_crouches_is_a_stance_and_the_eyes_stay_the_bodys(worn: Visit) -> None:
    worn.do("fake.head.place[1] -= 0.5")
    worn.wait("walk.world.status.stance === 'crouch'")
    worn.until(lambda: worn.pose[5] == pytest.approx(0.7))
    assert worn.ask("walk.headset.T_world_room[14] + fake.head.place[1]") == pytest.approx(0.9, abs=0.01)
    worn.do("fake.head.place[1] += 0.5")
    worn.until(lambda: worn.pose[5] == pytest.approx(1.4))


def test_trigger_grip_and_buttons(worn: Visit) -> None:
    press = "fake.right.gamepad.buttons[{}].pressed = {}"
    worn.do(press.format(4, "true"))
    worn.wait("walk.world.status.badge === 'paused'")
    worn.do(press.format(4, "false"))
    worn.do("fake.right.targetRaySpace = { place: [...fake.head.place], yaw: fake.head.yaw, pitch: -1.0 }")
    worn.do("fake.session.happens('select', 'right')")
    goal = worn.wait("walk.world.status.goal")
    aim = worn.pose[:2] + (worn.pose[5] / np.tan(1.0)) * np.array([np.cos(worn.pose[2]), np.sin(worn.pose[2])])
    np.testing.assert_allclose(goal, [*aim, 0.0], atol=0.05)
    at = worn.ask("walk.world.status.time")
    worn.do("fake.session.happens('squeezestart', 'left')")
    worn.wait(f"walk.world.status.time < {at} - 0.25")
    worn.do("fake.session.happens('squeezeend', 'left')")
    for is_down in ("true", "false"):
        worn.do(press.format(4, is_down))
        time.sleep(0.2)
    worn.wait("walk.world.status.badge === ''")
    for stance, eyes in (("crouch", 0.7), ("walk", 1.4)):
        for is_down in ("true", "false"):
            worn.do(press.format(5, is_down))
            time.sleep(0.2)
        worn.wait(f"walk.world.status.stance === '{stance}'")
        worn.until(lambda eyes=eyes: worn.pose[5] == pytest.approx(eyes))


def test_what_is_shown_glides_from_step_to_step_and_jumps_where_life_begins_anew(visit: Visit) -> None:
    shown = visit.driver.execute_script(
        """
        const world = new World(), found = [], show = now => { world.show(now); found.push([world.numbers[0], world.bends[0]]); };
        const hear = (x, time, bend, now) => world.hear({ pose: [x, 0, 0, 0, 0, 1], followed: [0, 0], time, step: .1 }, new Float32Array([bend]), now);
        hear(1, 0, 10, 0); show(0);
        hear(1.2, .1, 20, 100); show(100); show(150);
        hear(1.2, .1, 20, 160); show(175); show(220);       // the same instant again, as a key gives it
        hear(9, 0, 30, 300); show(300);
        return found;
        """  # noqa: E501
    )
    np.testing.assert_allclose(shown, [[1, 10], [1, 10], [1.1, 15], [1.15, 17.5], [1.2, 20], [9, 30]], atol=1e-9)


def test_files_that_are_damaged_are_one_clear_sentence(visit: Visit) -> None:
    """Whole, cut off, and with some bytes of what describes it changed."""
    whole, cut, told, untold = visit.driver.execute_script(
        """
        return (async () => {
          const data = await (await fetch(`/agent.glb${location.search}`)).arrayBuffer(), length = new DataView(data).getUint32(12, true);
          const problem = buffer => { try { readMesh("agent.glb", buffer); return ""; } catch (error) { return error.message; } };
          let seed = 1, told = 0, untold = [];
          const random = most => (seed = (1103515245 * seed + 12345) % 2147483648) % most;
          for (let k = 0; k < 300; k += 1) {
            const copy = data.slice(0);
            for (let change = 0; change < 3; change += 1) new Uint8Array(copy)[20 + random(Math.min(length, 4000))] = 32 + random(95);
            const sentence = problem(copy);
            if (sentence.startsWith("agent.glb: ")) told += 1; else if (sentence) untold.push(sentence);
          }
          return [problem(data), [0, 10, 27, 400, data.byteLength - 4].map(end => problem(data.slice(0, end))), told, untold];
        })()
        """  # noqa: E501
    )
    assert whole == "" and untold == [] and told > 100
    assert all(sentence.startswith("agent.glb: ") for sentence in cut)


def test_taking_the_headset_off_goes_back_to_the_plain_page(worn: Visit) -> None:
    worn.do("fake.session.end()")
    worn.wait("!document.getElementById('panel').hidden && !walk.headset.session")
    before = worn.ask("walk.world.status.time")
    worn.wait(f"walk.world.status.time > {before} + 0.3")


def test_a_walk_that_ends_is_told_on_the_page_with_the_headset_off(visit: Visit) -> None:
    visit.driver.find_element("id", "enter").click()
    visit.wait("fake.session && walk.headset.session")
    visit.do("walk.line.socket.close()")
    visit.until(lambda: "The walk has ended" in visit.ask("document.getElementById('problem').textContent"))
    assert visit.ask("!walk.headset.session && !document.getElementById('panel').hidden")


def test_the_first_page_leads_here_where_there_is_a_headset(visit: Visit) -> None:
    visit.driver.get(visit.link)
    visit.until(lambda: not visit.ask("document.getElementById('vr').hidden"))
    visit.driver.find_element("id", "vr").click()
    visit.wait("location.pathname === '/vr' && walk.walker && walk.walker.isPlaced")
    visit.wait("walk.world.status.role === 'control'")


def test_the_browser_has_nothing_to_complain_about(visit: Visit) -> None:
    assert [entry["message"] for entry in visit.driver.get_log("browser") if entry["level"] != "INFO"] == []
