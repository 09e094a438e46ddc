"""Continuing is restoring: the same bits, twice, mid-plan, in another process too."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from toy_home import ScriptedMind, make_toy_home

from ats_sim.errors import ConfigError
from ats_sim.home import Home
from ats_sim.snapshot import pack
from ats_sim.world import World


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.load(make_toy_home(tmp_path_factory.mktemp("snapshot") / "toy"), require_policy=False)


def drive(world: World, steps: int, seed: int) -> str:
    """Step with seeded actions and hash every state on the way."""
    rng, digest = np.random.default_rng(seed), hashlib.sha256()
    for _ in range(steps):
        world.step(rng.uniform(-1.0, 1.0, 4).astype(np.float32))
        digest.update(world.snapshot())
    return digest.hexdigest()


@pytest.mark.parametrize("steps", [0, 1, 3, 52])
def test_a_restored_world_continues_bit_for_bit(home: Home, steps: int) -> None:
    world, other = World(home, policy=ScriptedMind(), num_agents=2), World(home, policy=ScriptedMind(), num_agents=2)
    world.reset(np.random.default_rng(11), {"goal": (-1.0, -1.0, 0.25)} if steps == 3 else None)
    drive(world, steps, seed=1)
    blob = world.snapshot()
    expected = drive(world, 120, seed=2)
    world.restore(blob)
    assert world.snapshot() == blob and drive(world, 120, seed=2) == expected
    other.restore(blob)
    assert drive(other, 120, seed=2) == expected
    world.close()
    other.close()


def test_a_snapshot_continues_in_another_process(home: Home, tmp_path: Path) -> None:
    world = World(home, policy=ScriptedMind())
    world.reset(np.random.default_rng(4))
    drive(world, 33, seed=1)
    (tmp_path / "blob").write_bytes(world.snapshot())
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_world_snapshot import *\n"
        f"world = World(Home.load({str(home.folder)!r}, require_policy=False), policy=ScriptedMind())\n"
        f"world.restore(Path({str(tmp_path / 'blob')!r}).read_bytes())\n"
        "print(drive(world, 200, seed=9))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == drive(world, 200, seed=9)
    world.close()


def test_a_forgotten_generator_would_be_noticed(home: Home) -> None:
    """Negative control: the comparison above must fail where randomness is not restored."""
    world = World(home, policy=ScriptedMind())
    world.reset(np.random.default_rng(4))
    blob = world.snapshot()
    expected = drive(world, 200, seed=2)
    world.restore(blob)
    world._rngs[0].random()
    assert drive(world, 200, seed=2) != expected
    world.close()


@pytest.mark.parametrize("past", [0, 1, 7, 200])
def test_a_reset_forgets_the_past(home: Home, past: int) -> None:
    world, fresh = World(home, policy=ScriptedMind()), World(home, policy=ScriptedMind())
    world.reset(np.random.default_rng(1), {"awareness": {"observer": False}, "goal": (0.0, 0.0, 0.3)})
    drive(world, past, seed=past)
    world.reset(np.random.default_rng(8))
    fresh.reset(np.random.default_rng(8))
    assert world.snapshot() == fresh.snapshot() and drive(world, 100, seed=3) == drive(fresh, 100, seed=3)
    world.close()
    fresh.close()


def test_damaged_or_foreign_snapshots_are_refused(home: Home, tmp_path: Path) -> None:
    world, two = World(home, policy=None), World(home, policy=None, num_agents=2)
    world.reset(np.random.default_rng(0))
    blob = world.snapshot()
    for wrong in (b"", b"hello", blob[:100], blob[:-50], "text"):
        with pytest.raises(ConfigError, match="snapshot"):
            world.restore(wrong)  # type: ignore[arg-type]
    for place in (blob.index(b"agent0_roots") + 200, blob.index(b"'shape'") + 3, len(blob) - 30):
        with pytest.raises(ConfigError, match="snapshot"):
            world.restore(blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :])
    for name, value in {"agent0_joints": np.zeros((8, 3, 3)), "agent0_rng": np.zeros(3), "ticks": np.zeros(2)}.items():
        with pytest.raises(ConfigError, match="incomplete or damaged"):
            world.restore(pack(world.state() | {name: value}))
    assert world.snapshot() == blob
    with pytest.raises(ConfigError, match="1 agents, this world 2"):
        two.restore(blob)
    folder = make_toy_home(tmp_path / "other")
    (folder / "extra.txt").write_text("another build")
    from ats_sim.home import seal_home

    seal_home(folder, name="x", skeleton=home.skeleton, T_home_scene=np.eye(4), provenance={}, metrics={})
    foreign = World(Home.load(folder, require_policy=False), policy=None)
    with pytest.raises(ConfigError, match="another home"):
        foreign.restore(blob)
    for made in (world, two, foreign):
        made.close()
