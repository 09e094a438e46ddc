"""The dog's figures on made-up motion."""

import numpy as np
import pytest

from ats_sim.arrays import Array
from ats_sim.geometry import yaw_matrix
from ats_sim.perception import FUTURE, PAST
from benchmarks.dog_scores import features, frechet, skate
from benchmarks.dog_tracks import PELVIS, RATE, TOES, Moves, cut

JOINTS = 27


def statue(windows: int = 1) -> Array:
    """Joints (N, 56, 27, 3) of a body that stands on its toes."""
    joints = np.repeat(np.random.default_rng(0).uniform(0.2, 0.6, (1, 1, JOINTS, 3)), FUTURE, axis=1)
    joints[:, :, list(TOES), 2] = 0.01
    return joints.repeat(windows, axis=0)


def test_feet_that_stand_do_not_skate_and_feet_in_the_air_do_not_count() -> None:
    """One toe of four slides at half a metre a second, then is lifted."""
    joints = statue()
    assert skate(joints) == (0.0, 0.0)
    joints[:, :, TOES[1], 0] += 0.5 / RATE * np.arange(FUTURE)
    speed, share = skate(joints)
    assert speed == pytest.approx(0.125) and share == pytest.approx(0.25)
    joints[:, :, TOES[1], 2] = 0.1
    assert skate(joints) == (0.0, 0.0)


def test_the_distance_of_moved_normals_is_the_way_squared() -> None:
    """And grows when motion trembles."""
    rng = np.random.default_rng(1)
    some = rng.standard_normal((500, 27))
    assert frechet(some, some) == pytest.approx(0.0, abs=1e-6)
    assert frechet(some, some + 0.2) == pytest.approx(27 * 0.04, rel=1e-4)
    walks = np.cumsum(rng.normal(0.0, 0.01, (400, FUTURE, JOINTS, 3)), axis=1) + statue()
    trembling = [frechet(features(walks), features(walks + rng.normal(0.0, s, walks.shape))) for s in (0.001, 0.01)]
    assert 0.0 < trembling[0] < trembling[1]


def test_windows_do_not_depend_on_where_the_dog_is_and_keep_its_shape() -> None:
    """Turned and moved on the ground, the same motion gives the same windows; the neck is ahead now."""
    rng = np.random.default_rng(2)
    clip = np.cumsum(rng.normal(0.0, 0.02, (PAST + FUTURE + 6, JOINTS, 3)), axis=0) + rng.normal(0.0, 0.3, (JOINTS, 3))
    here, there = cut(clip, 3), cut(clip @ yaw_matrix(1.1).T + [3.0, -2.0, 0.0], 3)
    assert len(here) == 3
    np.testing.assert_allclose(here.path, there.path, atol=1e-12)
    np.testing.assert_allclose(here.pose, there.pose, atol=1e-12)
    np.testing.assert_allclose(here.path[:, PAST - 1, :2], 0.0, atol=1e-12)
    neck = here.pose[:, PAST - 1].reshape(3, -1, 3)[:, 2]
    assert (neck[:, 0] > 0.0).all() and np.allclose(neck[:, 1], 0.0)
    joints = Moves(here.path[:1], here.pose[:1]).joints()[0]
    apart = np.linalg.norm(joints - joints[:, PELVIS : PELVIS + 1], axis=-1)
    true = clip[PAST : PAST + FUTURE]
    np.testing.assert_allclose(apart, np.linalg.norm(true - true[:, PELVIS : PELVIS + 1], axis=-1), atol=1e-12)
