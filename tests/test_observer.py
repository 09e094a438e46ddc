"""The observer's body: stances, steps, low ceilings, animals in the way."""

import numpy as np
import pytest
from toy_home import COUCH_HIGH, toy_volume

from ats_sim.errors import ConfigError
from ats_sim.geometry import log_so3, look_at
from ats_sim.observer import EYES, FLOOR, STOOP, Observer, ObserverOptions
from ats_sim.volume import PerceptionVolume

AHEAD = np.array([1.0, 0.0, 0.0, 0.0])
STILL = np.zeros(4)
DT = 0.1


def observer(volume: PerceptionVolume | None = None, **options: float) -> Observer:
    made = Observer(volume or toy_volume(), ObserverOptions(**options), DT)
    made.place(-1.0, 1.0, 0.0)
    return made


@pytest.mark.parametrize("stance, speed", [("walk", 1.4), ("run", 2.6), ("crouch", 0.7)])
def test_each_stance_has_its_speed(stance: str, speed: float) -> None:
    made = observer()
    made.take_stance(stance)
    made.move(AHEAD)
    np.testing.assert_allclose(made.pose[0], -1.0 + speed * DT, atol=1e-9)


def test_crouching_lowers_the_eyes_step_by_step_and_rising_undoes_it() -> None:
    made = observer()
    made.take_stance("crouch")
    heights = []
    for _ in range(6):
        made.move(STILL)
        heights.append(float(made.T_world_camera[2, 3]))
    np.testing.assert_allclose(heights[:2], [1.4 - STOOP, 1.4 - 2 * STOOP])
    assert heights[-1] == pytest.approx(0.7) and made.velocity[2] == pytest.approx(0.0)
    made.take_stance("walk")
    for _ in range(6):
        made.move(STILL)
    assert made.T_world_camera[2, 3] == pytest.approx(1.4)


def test_an_unknown_stance_is_refused() -> None:
    with pytest.raises(ConfigError, match="'fly'.*walk"):
        observer().take_stance("fly")


def with_block(low: tuple[float, float, float], high: tuple[float, float, float]) -> PerceptionVolume:
    """The toy room with one more solid box in it."""
    volume = toy_volume()
    axes = [volume.sdf_origin[i] + volume.sdf_voxel_size * np.arange(volume.sdf.shape[i]) for i in range(3)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    outside = np.linalg.norm(np.maximum(np.maximum(low - grid, grid - np.array(high)), 0.0), axis=-1)
    inside = np.maximum(np.array(low) - grid, grid - np.array(high)).max(-1)
    box = outside + np.minimum(inside, 0.0)
    kept = {name: getattr(volume, name) for name in volume.__dataclass_fields__}
    return PerceptionVolume(**(kept | {"sdf": np.minimum(volume.sdf, box).astype(np.float16)}))


def test_a_low_platform_is_stepped_onto_and_off_again() -> None:
    made = observer(with_block((-0.6, 0.4, -0.2), (0.2, 1.6, 0.2)))
    floors = []
    for _ in range(14):
        made.move(AHEAD)
        floors.append(float(made.pose[FLOOR]))
    assert max(floors) == pytest.approx(0.2, abs=0.02) and made.pose[0] > 0.6
    assert floors[-1] == pytest.approx(0.0, abs=0.01)
    assert made.T_world_camera[2, 3] == pytest.approx(1.4, abs=0.01)


def test_a_couch_is_no_step() -> None:
    made = observer()
    made.place(0.5, 0.0, 0.0)
    for _ in range(20):
        made.move(AHEAD)
    assert made.pose[0] < 0.85 and made.pose[FLOOR] == 0.0 and COUCH_HIGH[2] > 0.25


def test_under_a_table_the_body_stays_down() -> None:
    made = observer(with_block((-0.5, 0.2, 1.0), (0.5, 1.9, 1.1)))
    made.take_stance("crouch")
    for _ in range(16):
        made.move(AHEAD)
    assert -0.3 < made.pose[0] < 0.3
    made.take_stance("walk")
    for _ in range(5):
        made.move(STILL)
    assert made.pose[EYES] == pytest.approx(0.7), "there is a table overhead"
    for _ in range(12):
        made.move(AHEAD)
    assert made.pose[0] > 0.7 and made.pose[EYES] == pytest.approx(1.4)


def test_nobody_walks_through_an_animal() -> None:
    made = observer()
    animal = (-0.2, 1.0, 0.12)
    for _ in range(40):
        made.move(np.array([1.0, 0.1, 0.0, 0.0]), [animal])
        assert np.hypot(made.pose[0] - animal[0], made.pose[1] - animal[1]) >= 0.32 - 1e-6
    assert made.pose[0] > 0.0, "but one walks around it"


def test_standing_at_a_recorded_camera_sees_what_it_saw() -> None:
    made = observer()
    camera = look_at(np.array([-0.5, 0.3, 1.15]), np.array([0.4, 0.9, 0.2]))
    made.stand_at(camera)
    np.testing.assert_allclose(made.T_world_camera, camera, atol=1e-9)
    np.testing.assert_allclose(made.feet, [-0.5, 0.3, 0.0], atol=1e-9)


def test_the_angular_velocity_is_that_of_the_camera() -> None:
    made, rng = observer(), np.random.default_rng(2)
    for _ in range(50):
        made.move(rng.uniform(-1.0, 1.0, 4))
        before, now = made.camera_at(made.last_pose), made.T_world_camera
        turn = log_so3(now[:3, :3] @ before[:3, :3].T) / DT
        np.testing.assert_allclose(made.velocity[3:], turn, atol=1e-6)
