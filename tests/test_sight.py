"""Lines of sight agree with closed-form boxes, with the physics engine's rays, and are shared between worlds."""

import gc
import weakref
from pathlib import Path

import numpy as np
import pybullet
import pytest
from toy_home import COUCH_HIGH, COUCH_LOW, ROOM_HIGH, ROOM_LOW, make_toy_home

from ats_sim.arrays import Array
from ats_sim.collision import read_collision
from ats_sim.errors import HomeError
from ats_sim.home import Home, seal_home
from ats_sim.sight import SightLines

GRAZING = 1e-4  # metres; rays this near an edge may be answered either way in single precision


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.load(make_toy_home(tmp_path_factory.mktemp("sight") / "toy"), require_policy=False)


def crosses(starts: Array, ends: Array, low: Array, high: Array) -> Array:
    """Whether segments (N, 3) touch a box, by the slab method."""
    with np.errstate(divide="ignore"):
        near, far = (low - starts) / (ends - starts), (high - starts) / (ends - starts)
    enter, leave = np.minimum(near, far).max(1), np.maximum(near, far).min(1)
    return np.asarray((enter <= leave) & (leave >= 0.0) & (enter <= 1.0))


def test_lines_agree_with_the_closed_form_of_the_toy_home(home: Home) -> None:
    rng = np.random.default_rng(0)
    starts = rng.uniform(ROOM_LOW + 0.01, ROOM_HIGH - 0.01, size=(20_000, 3))
    ends = rng.uniform(ROOM_LOW - 0.5, ROOM_HIGH + 0.5, size=(20_000, 3))
    outside_couch = ((starts < COUCH_LOW) | (starts > COUCH_HIGH)).any(1)
    outside_couch &= ((ends < COUCH_LOW) | (ends > COUCH_HIGH)).any(1)
    starts, ends = starts[outside_couch], ends[outside_couch]
    leaves_room = ((ends < ROOM_LOW) | (ends > ROOM_HIGH)).any(1)
    tight = crosses(starts, ends, COUCH_LOW + GRAZING, COUCH_HIGH - GRAZING)
    sure = tight == crosses(starts, ends, COUCH_LOW - GRAZING, COUCH_HIGH + GRAZING)
    found = SightLines.of(home).blocked(starts, ends)
    assert 0.3 < found.mean() < 0.95 and sure.mean() > 0.99
    np.testing.assert_array_equal(found[sure], (leaves_room | tight)[sure])


def test_lines_agree_with_the_physics_engine_in_the_bundled_home() -> None:
    home = Home.load("default", require_policy=False)
    rng, volume = np.random.default_rng(1), home.perception
    starts = volume.observer_cameras[rng.integers(len(volume.observer_cameras), size=10_000), :3, 3].astype(np.float64)
    ends = volume.agent_roots[rng.integers(len(volume.agent_roots), size=10_000), :3, 3] + rng.normal(
        0, 0.05, (10_000, 3)
    )
    found = SightLines.of(home).blocked(starts, ends)
    client = pybullet.connect(pybullet.DIRECT)
    for vertices, faces in read_collision(home.collision_paths):
        shape = pybullet.createCollisionShape(
            pybullet.GEOM_MESH, vertices=vertices.tolist(), indices=faces.reshape(-1).tolist(),
            flags=pybullet.GEOM_FORCE_CONCAVE_TRIMESH, physicsClientId=client,
        )  # fmt: skip
        pybullet.createMultiBody(0.0, shape, physicsClientId=client)
    rays = pybullet.rayTestBatch(starts.tolist(), ends.tolist(), physicsClientId=client)
    pybullet.disconnect(physicsClientId=client)
    engine = np.array([ray[0] >= 0 for ray in rays])
    assert 0.2 < engine.mean() < 0.8
    assert (found == engine).mean() >= 0.999


def test_a_line_may_start_and_end_anywhere(home: Home) -> None:
    lines, place = SightLines.of(home), np.array([[0.0, 0.0, 1.0]])
    assert not lines.blocked(place, place).any()  # of no length
    assert lines.blocked(place[:0], place[:0]).shape == (0,)
    many = np.repeat(place, 40_000, axis=0)  # more than the physics engine would answer at once
    assert lines.blocked(many, many - [0.0, 0.0, 1.5]).all()


def test_worlds_of_one_home_share_their_lines_and_let_go_of_them(home: Home) -> None:
    first = SightLines.of(home)
    assert SightLines.of(Home.load(home.folder, require_policy=False)) is first
    alive = weakref.ref(first)
    del first
    gc.collect()
    assert alive() is None


def test_a_damaged_shape_is_refused_at_once(tmp_path: Path) -> None:
    folder = make_toy_home(tmp_path / "broken")
    skeleton = Home.load(folder, require_policy=False).skeleton
    (folder / "collision.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n")
    seal_home(folder, name="broken", skeleton=skeleton, T_home_scene=np.eye(4), provenance={}, metrics={})
    home = Home.load(folder, require_policy=False)
    with pytest.raises(HomeError, match="face index"):
        SightLines.of(home)
