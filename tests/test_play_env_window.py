"""The environment's window where there is no screen: it says once that nobody sees it, unless that was wanted."""

import warnings
from collections.abc import Iterator

import numpy as np
import pytest

from ats_sim.envs.window import SCREENS, Window


@pytest.fixture
def no_screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.setattr("sys.platform", "linux")
    for name in SCREENS:
        monkeypatch.setenv(name, "")  # so that it is as before at the end, whatever the window sets
    yield monkeypatch


def shows() -> list[str]:
    """What is warned of while a window opens and shows a picture."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        window = Window(64, 48)
        window.show(np.zeros((48, 64, 3), np.uint8))
        window.close()
    return [str(one.message) for one in caught]


def test_a_window_that_nobody_sees_says_so_once(no_screen: pytest.MonkeyPatch) -> None:
    said = shows()
    assert len(said) == 1 and "no screen: the window is invisible; use render_mode='rgb_array'" in said[0]
    assert shows() == []


def test_who_chose_what_is_drawn_on_is_told_nothing(no_screen: pytest.MonkeyPatch) -> None:
    no_screen.setenv("SDL_VIDEODRIVER", "dummy")
    assert shows() == []
