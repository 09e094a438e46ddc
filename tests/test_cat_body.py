"""The cat's body is closed, skinned, symmetric and cat-sized, and its legs reach what they are told to."""

import numpy as np
import pytest

from ats_sim.errors import ConfigError
from ats_sim.reconstruction.capture.synthesis.animal.cat_body import FEET, Body, make_body
from ats_sim.reconstruction.capture.synthesis.animal.legs import LegPose, Legs
from ats_sim.skeleton import QUADRUPED_NAMES, QUADRUPED_PARENTS

PAWS = [QUADRUPED_NAMES.index(f"{foot}_paw") for foot in FEET]


@pytest.fixture(scope="module", params=[0, 1])
def body(request: pytest.FixtureRequest) -> Body:
    return make_body("cat", np.random.default_rng(request.param))


def test_tree_is_the_quadruped_with_parallel_rest_frames(body: Body) -> None:
    assert body.skeleton.joint_names == QUADRUPED_NAMES
    np.testing.assert_array_equal(body.skeleton.joint_parents, QUADRUPED_PARENTS)
    np.testing.assert_array_equal(body.skeleton.joint_rest[:, :3, :3], np.tile(np.eye(3), (26, 1, 1)))


def test_skeleton_is_symmetric(body: Body) -> None:
    places = body.skeleton.rest_transforms[:, :3, 3]
    np.testing.assert_allclose(places[body.skeleton.mirror()] * [1, -1, 1], places, atol=1e-12)


def test_size_is_an_adult_cats(body: Body) -> None:
    names = np.array(QUADRUPED_NAMES)[body.skinned.skin_joints[:, 0]]
    points = body.skinned.mesh.vertices + [0, 0, body.stand_height]
    trunk = points[~np.char.startswith(names, "tail")]
    withers = points[(names == "spine3") & (np.abs(points[:, 1]) < 0.01), 2].max()
    assert 0.42 < np.ptp(trunk[:, 0]) < 0.52
    assert 0.23 < points[(names == "spine2"), 2].max() < 0.27 < withers + 0.05 < 0.36
    assert -0.01 < points[:, 2].min() < 0.003


def test_every_shell_is_closed_and_the_count_is_moderate(body: Body) -> None:
    import trimesh

    mesh = body.skinned.mesh
    assert 5000 < len(mesh.faces) < 9000
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    assert solid.is_watertight and solid.is_winding_consistent
    assert 0.002 < solid.volume < 0.006


def test_skin_is_symmetric_and_its_weights_convex(body: Body) -> None:
    from scipy.spatial import cKDTree

    skinned = body.skinned
    np.testing.assert_allclose(skinned.skin_weights.sum(1), 1.0, atol=1e-5)
    dense = np.zeros((len(skinned.mesh.vertices), 26))
    np.put_along_axis(dense, skinned.skin_joints.astype(int), skinned.skin_weights, axis=1)
    distance, partner = cKDTree(skinned.mesh.vertices).query(skinned.mesh.vertices * [1, -1, 1])
    assert distance.mean() < 0.004
    assert np.abs(dense[partner][:, body.skeleton.mirror()] - dense).sum(1).mean() < 0.15


def test_two_seeds_differ_and_one_seed_repeats() -> None:
    first, again, other = (make_body("cat", np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.skinned.mesh.vertices, again.skinned.mesh.vertices)
    np.testing.assert_array_equal(first.skinned.mesh.colors, again.skinned.mesh.colors)
    assert first.stand_height != other.stand_height


def test_unknown_species_is_refused() -> None:
    with pytest.raises(ConfigError, match="unicorn"):
        make_body("unicorn", np.random.default_rng(0))  # type: ignore[arg-type]


def test_legs_reach_pads_under_a_tilted_turned_trunk(body: Body) -> None:
    rng = np.random.default_rng(5)
    legs = Legs(body)
    from ats_sim.geometry import exp_so3, rigid

    for _ in range(30):
        pads = legs.neutral + rng.uniform(-0.03, 0.03, size=(4, 3)) * [1, 1, 0]
        root = rigid(exp_so3(rng.uniform(-0.12, 0.12, size=3)), rng.uniform(-0.008, 0.0, size=3) * [0, 0, 1])
        spine = np.zeros((26, 3))
        spine[1:4] = rng.uniform(-0.05, 0.05, size=(3, 3))
        solved = legs.solve(spine, root, pads, LegPose(rng.uniform(0, 0.3, 4), rng.uniform(-0.2, 0.2, 4)))
        joints = body.skeleton.forward_kinematics(root, solved)[PAWS]
        reached = np.einsum("nij,nj->ni", joints[:, :3, :3], body.pads) + joints[:, :3, 3]
        np.testing.assert_allclose(reached, pads, atol=1e-6)
    still = legs.solve(np.zeros((26, 3)), np.eye(4), legs.neutral, LegPose(np.zeros(4), np.zeros(4)))
    np.testing.assert_allclose(still, 0.0, atol=1e-9)
