"""Where animal and observer were recorded, read from the volume's visit maps."""

from dataclasses import replace

import numpy as np
from toy_home import toy_volume


def test_seconds_at_a_place_are_those_of_the_cells_around_it() -> None:
    volume = toy_volume()
    rng = np.random.default_rng(0)
    visits = rng.random(volume.agent_visits.shape).astype(np.float32)
    volume = replace(volume, agent_visits=visits, observer_visits=2.0 * visits)
    span = (np.array(visits.shape) - 1) * volume.visit_cell
    # Two cells beyond each edge, so that places with some and with no cell of the map around them are among them.
    places = volume.visit_origin + rng.uniform(-2 * volume.visit_cell, span + 2 * volume.visit_cell, (400, 2))
    centres = volume.visit_origin + np.stack(np.indices(visits.shape), -1) * volume.visit_cell
    cells = np.abs(np.rint((places[:, None, None] - centres) / volume.visit_cell)).max(-1) <= 1
    expected = (cells * visits).sum((1, 2))
    found = np.array([volume.agent_seconds_at(x, y) for x, y in places.tolist()])
    assert (found == 0.0).any() and np.ptp(found[found > 0.0]) > 1.0
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(volume.agent_seconds(places), expected, atol=1e-5)
    observer = [volume.observer_seconds_at(x, y) for x, y in places.tolist()]
    np.testing.assert_allclose(observer, 2.0 * expected, atol=1e-5)
