"""The engine's bodies stand where the simulation says, rays see walls, and nothing is left behind."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from toy_home import make_toy_home, toy_skeleton

from ats_sim.errors import AtsError
from ats_sim.geometry import exp_so3, rigid
from ats_sim.home import Home, seal_home
from ats_sim.physics import Bodies


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.load(make_toy_home(tmp_path_factory.mktemp("physics") / "toy"), require_policy=False)


def build(home: Home, num_agents: int = 1) -> Bodies:
    return Bodies(home, num_agents=num_agents, observer_radius=0.2, observer_height=1.6)


def test_the_rig_poses_like_the_skeleton(home: Home) -> None:
    bodies, rng = build(home), np.random.default_rng(0)
    for _ in range(5):
        root = rigid(exp_so3(rng.normal(size=3)), rng.normal(size=3))
        joints = 0.8 * rng.normal(size=(26, 3))
        joints[0] = 0.0
        bodies.place_agent(0, root, joints)
        wanted = home.skeleton.forward_kinematics(root, joints)[:, :3, 3]
        found = bodies.link_positions(0)
        for name, place in found.items():
            np.testing.assert_allclose(place, wanted[home.skeleton.joint_names.index(name)], atol=2e-5)
        assert len(found) == 25
    bodies.close()


def test_the_gap_between_agent_and_observer_is_measured_from_their_skins(home: Home) -> None:
    bodies = build(home)
    bodies.place_agent(0, rigid(np.eye(3), np.array([0.0, 0.0, 0.25])), np.zeros((26, 3)))
    bodies.place_observer(np.array([0.22 + 0.02 + 0.2 + 0.3, 0.0, 0.0]))
    assert bodies.agent_gap(0) == pytest.approx(0.3, abs=0.02)
    bodies.close()


def test_closing_ends_only_its_own_client(home: Home) -> None:
    first, second = build(home), build(home)
    first.close()
    first.close()
    second.place_observer(np.zeros(3))
    with pytest.raises(AtsError, match="closed"):
        first.place_observer(np.zeros(3))
    second.close()


def test_the_engine_hears_the_newest_pose_and_starts_only_when_asked(home: Home) -> None:
    bodies = build(home)
    for x in (-1.0, 0.0, 1.0):
        place = rigid(np.eye(3), np.array([x, 0.0, 0.25]))
        bodies.place_agent(0, place, np.zeros((26, 3)))
        place[:3, 3] = np.nan  # what the caller does with its array afterwards is its own affair
    assert bodies._client is None
    assert bodies.link_positions(0)["spine1"] == pytest.approx([1.05, 0.0, 0.25], abs=1e-5)
    assert bodies._client is not None
    bodies.place_agent(0, rigid(np.eye(3), np.array([0.5, 0.0, 0.25])), np.zeros((26, 3)))
    assert bodies.link_positions(0)["spine1"] == pytest.approx([0.55, 0.0, 0.25], abs=1e-5)
    bodies.close()


def test_agents_and_observer_are_looked_through(home: Home) -> None:
    bodies = build(home)
    bodies.place_agent(0, rigid(np.eye(3), np.array([-1.0, 0.0, 0.25])), np.zeros((26, 3)))
    bodies.place_observer(np.array([0.5, 0.0, 0.0]))
    bodies.agent_gap(0)
    starts, ends = np.array([[-2.0, 0.0, 0.2]] * 2), np.array([[0.8, 0.0, 0.2], [2.3, 0.0, 0.2]])
    assert bodies.blocked(starts, ends).tolist() == [False, True]
    bodies.close()


def parts_home(folder: Path) -> Home:
    """The toy home with the couch alone, as one convex part."""
    make_toy_home(folder)
    lines = (folder / "collision.obj").read_text().splitlines()
    vertices = [line for line in lines if line.startswith("v ")][8:]
    faces = [[int(part) - 8 for part in line[2:].split()] for line in lines if line.startswith("f ")][12:]
    (folder / "collision").mkdir()
    (folder / "collision" / "couch.obj").write_text("\n".join(vertices + [f"f {a} {b} {c}" for a, b, c in faces]))
    (folder / "collision.obj").unlink()
    # Sealed anew, because the list of files changed.
    seal_home(folder, name="parts", skeleton=toy_skeleton(), T_home_scene=np.eye(4), provenance={}, metrics={})
    return Home.load(folder, require_policy=False)


def test_convex_parts_serve_as_well_as_one_concave_mesh(tmp_path: Path) -> None:
    bodies = build(parts_home(tmp_path / "parts"))
    starts, ends = np.array([[0.0, 0.0, 0.2], [0.0, 0.0, 1.0]]), np.array([[2.4, 0.0, 0.2], [2.4, 0.0, 1.0]])
    assert bodies.blocked(starts, ends).tolist() == [True, False]
    bodies.close()


def test_the_engine_is_silent(home: Home) -> None:
    code = (
        "import sys, pathlib; from ats_sim.home import Home; from ats_sim.physics import Bodies;"
        f"home = Home.load({str(home.folder)!r}, require_policy=False);"
        "Bodies(home, num_agents=1, observer_radius=0.2, observer_height=1.6).close()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "" and done.stderr == ""
