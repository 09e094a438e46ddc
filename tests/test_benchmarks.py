"""The yardsticks themselves: a benchmark that cannot see a difference measures nothing."""

import hashlib
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest

from benchmarks.check_features import Feature, features, holds
from benchmarks.determinism import absorb
from benchmarks.scripted_mind import ScriptedMind
from benchmarks.stopwatch import Contestant, resident_bytes, side_by_side, timed, tree_cpu_seconds


def hashed(value: Any) -> str:
    running = hashlib.sha256()
    absorb(running, value)
    return running.hexdigest()


def test_a_hash_notices_bits_types_shapes_and_names() -> None:
    array = np.arange(4.0)
    base = hashed(({"a": array, "b": 1.0}, 0.5, False))
    assert base == hashed(({"b": 1.0, "a": array.copy()}, 0.5, False)), "the order of keys is no difference"
    changed = array.copy()
    changed[2] = np.nextafter(changed[2], 3.0)
    others = [
        ({"a": changed, "b": 1.0}, 0.5, False),
        ({"a": array.astype(np.float32), "b": 1.0}, 0.5, False),
        ({"a": array.reshape(2, 2), "b": 1.0}, 0.5, False),
        ({"c": array, "b": 1.0}, 0.5, False),
        ({"a": array, "b": 1.0}, 0.5, True),
        ({"a": array, "b": {"c": 1.0}}, 0.5, False),
    ]
    assert len({base, *map(hashed, others)}) == 7


def test_turns_give_medians_and_who_cannot_start_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    works = Contestant("works", (sys.executable, "-c", 'print(\'noise\'); print(\'{"x": 2, "who": "me"}\')'))
    fails = Contestant("fails", (sys.executable, "-c", "raise SystemExit('no such engine')"))
    assert side_by_side([works, fails], 2) == {"works": {"turns": 2, "x": 2.0, "who": "me"}}
    assert "skipped: fails: no such engine" in capsys.readouterr().err


def test_cpu_seconds_count_children_and_not_sleep() -> None:
    before = tree_cpu_seconds()
    burn = "import time\nwhile time.process_time() < 0.5: pass\nprint('done', flush=True)\ntime.sleep(30)"
    child = subprocess.Popen([sys.executable, "-c", burn], stdout=subprocess.PIPE)
    assert child.stdout is not None and child.stdout.readline()
    assert tree_cpu_seconds() - before >= 0.45
    child.kill()
    child.wait()
    child.stdout.close()
    before = tree_cpu_seconds()
    speed = timed(lambda: time.sleep(0.05), 0.2, counted=3)
    assert speed.wall <= 3 / 0.05 < speed.cpu
    assert tree_cpu_seconds() - before < 0.15


def test_resident_memory_grows_with_what_is_kept() -> None:
    before = resident_bytes()
    kept = np.ones(8_000_000)
    assert resident_bytes() - before > 0.9 * kept.nbytes


def test_the_table_of_features_is_whole_and_shows_what_it_claims() -> None:
    rows = list(features())
    assert [row.number for row in rows] == [*map(str, range(1, 32)), *(f"N{i}" for i in range(1, 17))]
    assert all(bool(row.proof) == (row.answer in "YP") for row in rows)


def test_proofs_can_fail() -> None:
    names = {"np": np}
    assert holds(Feature("1", "Y", "np.zeros(3).shape == (3,)"), names, "") == ""
    assert holds(Feature("1", "Y", "np.zeros(3).shape == (4,)"), names, "") == "came out false"
    assert holds(Feature("1", "Y", "nothing.at.all"), names, "").startswith("NameError")
    assert holds(Feature("1", "Y", "python -c 'raise SystemExit(3)'"), names, "").startswith("exit code 3")
    assert holds(Feature("1", "Y", ""), names, "") and holds(Feature("1", "N", ""), names, "") == ""


def test_the_scripted_mind_answers_as_minds_do() -> None:
    from types import SimpleNamespace

    ego = np.eye(4)
    ego[:3, 3] = [1.0, 2.0, 0.2]
    perception = SimpleNamespace(T_world_ego=ego, past_joints=np.zeros((8, 26, 3)))
    (plan,) = ScriptedMind().plan([perception], [np.random.default_rng(0)])  # type: ignore[list-item]
    assert plan.path.shape == (56, 3) and plan.joint_rotations.shape == (56, 26, 3)
    assert np.linalg.norm(plan.path[0] - ego[:3, 3]) == pytest.approx(0.05)
    assert (plan.goal == plan.path[-1]).all()
