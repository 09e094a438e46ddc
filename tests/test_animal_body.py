"""Bodies are closed, skinned, symmetric and of their species' size, and their legs reach what they are told to."""

import numpy as np
import pytest

from ats_sim.errors import ConfigError
from ats_sim.reconstruction.capture.synthesis.animal.body import FEET, PLANS, Body, make_body
from ats_sim.reconstruction.capture.synthesis.animal.body_plan import BodyKind
from ats_sim.reconstruction.capture.synthesis.animal.legs import LegPose, Legs
from ats_sim.skeleton import QUADRUPED_NAMES, QUADRUPED_PARENTS

PAWS = [QUADRUPED_NAMES.index(f"{foot}_paw") for foot in FEET]


@pytest.fixture(scope="module", params=[*PLANS])
def body(request: pytest.FixtureRequest) -> Body:
    return make_body(request.param, np.random.default_rng(1))


def test_tree_is_the_quadruped_with_parallel_rest_frames(body: Body) -> None:
    assert body.skeleton.joint_names == QUADRUPED_NAMES
    np.testing.assert_array_equal(body.skeleton.joint_parents, QUADRUPED_PARENTS)
    np.testing.assert_array_equal(body.skeleton.joint_rest[:, :3, :3], np.tile(np.eye(3), (26, 1, 1)))


def test_skeleton_is_symmetric(body: Body) -> None:
    places = body.skeleton.rest_transforms[:, :3, 3]
    np.testing.assert_allclose(places[body.skeleton.mirror()] * [1, -1, 1], places, atol=1e-12)


SIZES = {
    "cat": ((0.42, 0.52), (0.23, 0.27)),
    "dog": ((0.60, 0.78), (0.40, 0.50)),
    "rabbit": ((0.32, 0.44), (0.15, 0.22)),
}
"""Nose to rump and height of the back between the shoulders, metres: a house cat, a shiba or beagle, a house rabbit."""


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("kind", PLANS)
def test_size_is_an_adults(kind: BodyKind, seed: int) -> None:
    body = make_body(kind, np.random.default_rng(seed))
    names = np.array(QUADRUPED_NAMES)[body.skinned.skin_joints[:, 0]]
    points = body.skinned.mesh.vertices + [0, 0, body.stand_height]
    length, withers = SIZES[kind]
    assert length[0] < np.ptp(points[~np.char.startswith(names, "tail"), 0]) < length[1]
    assert withers[0] < points[names == "spine2", 2].max() < withers[1]
    assert -0.01 < points[:, 2].min() < 0.003


def test_rabbits_have_long_ears_and_hind_feet_and_dogs_long_legs() -> None:
    cat, dog, rabbit = (make_body(kind, np.random.default_rng(1)) for kind in PLANS)

    def above_head(body: Body) -> float:
        head = body.skeleton.rest_transforms[QUADRUPED_NAMES.index("head"), 2, 3]
        return float(body.skinned.mesh.vertices[:, 2].max() - head) / body.stand_height

    def bone_share(body: Body, joint: str) -> float:
        """Length of a bone over that of the trunk from hip to shoulder joint."""
        places = body.skeleton.rest_transforms[:, :3, 3]
        trunk = places[QUADRUPED_NAMES.index("left_upper_arm")] - places[QUADRUPED_NAMES.index("left_thigh")]
        bone = body.skeleton.joint_rest[QUADRUPED_NAMES.index(joint), :3, 3]
        return float(np.linalg.norm(bone) / np.linalg.norm(trunk))

    assert above_head(rabbit) > 2.0 * max(above_head(cat), above_head(dog))
    assert bone_share(rabbit, "left_hind_paw") > 1.3 * bone_share(cat, "left_hind_paw")
    assert dog.stand_height / 0.195 > 1.5 and bone_share(dog, "left_front_paw") > 1.2 * bone_share(
        cat, "left_front_paw"
    )


@pytest.mark.parametrize("kind", PLANS)
def test_seeds_draw_at_least_three_coats(kind: BodyKind) -> None:
    coats = [PLANS[kind].draw_coat(np.random.default_rng(seed)) for seed in range(20)]
    shape = make_body(kind, np.random.default_rng(0))
    back = shape.skinned.skin_joints[:, 0] <= 3
    means = np.array([coat.colors(shape.skinned, shape.scale)[back].mean(0) for coat in coats])
    # Individuals of one coat differ by a tint of a few grey levels, coats by tens of them.
    apart = np.abs(means[:, None] - means).max(-1) > 24
    chosen: list[int] = []
    for k in range(len(coats)):
        if all(apart[k, other] for other in chosen):
            chosen.append(k)
    assert len(chosen) >= 3


def test_every_shell_is_closed_and_the_count_is_moderate(body: Body) -> None:
    import trimesh

    mesh = body.skinned.mesh
    assert 5000 < len(mesh.faces) < 9000
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    assert solid.is_watertight and solid.is_winding_consistent
    # Animals weigh about as much as water; fur makes them look heavier.
    low, high = {"cat": (2, 6), "dog": (8, 19), "rabbit": (1.5, 5)}[body.plan.kind]
    assert low < 1000 * solid.volume < high


def test_skin_is_symmetric_and_its_weights_convex(body: Body) -> None:
    from scipy.spatial import cKDTree

    skinned = body.skinned
    np.testing.assert_allclose(skinned.skin_weights.sum(1), 1.0, atol=1e-5)
    dense = np.zeros((len(skinned.mesh.vertices), 26))
    np.put_along_axis(dense, skinned.skin_joints.astype(int), skinned.skin_weights, axis=1)
    distance, partner = cKDTree(skinned.mesh.vertices).query(skinned.mesh.vertices * [1, -1, 1])
    assert distance.mean() < 0.02 * body.stand_height
    assert np.abs(dense[partner][:, body.skeleton.mirror()] - dense).sum(1).mean() < 0.15


@pytest.mark.parametrize("kind", PLANS)
def test_two_seeds_differ_and_one_seed_repeats(kind: BodyKind) -> None:
    first, again, other = (make_body(kind, np.random.default_rng(seed)) for seed in (3, 3, 4))
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

    size = body.plan.similarity.length
    for _ in range(30):
        pads = legs.neutral + size * rng.uniform(-0.03, 0.03, size=(4, 3)) * [1, 1, 0]
        root = rigid(exp_so3(rng.uniform(-0.12, 0.12, size=3)), size * rng.uniform(-0.008, 0.0, size=3) * [0, 0, 1])
        spine = np.zeros((26, 3))
        spine[1:4] = rng.uniform(-0.05, 0.05, size=(3, 3))
        solved = legs.solve(spine, root, pads, LegPose(rng.uniform(0, 0.3, 4), rng.uniform(-0.2, 0.2, 4)))
        joints = body.skeleton.forward_kinematics(root, solved)[PAWS]
        reached = np.einsum("nij,nj->ni", joints[:, :3, :3], body.pads) + joints[:, :3, 3]
        np.testing.assert_allclose(reached, pads, atol=1e-6)
    still = legs.solve(np.zeros((26, 3)), np.eye(4), legs.neutral, LegPose(np.zeros(4), np.zeros(4)))
    np.testing.assert_allclose(still, 0.0, atol=1e-9)
