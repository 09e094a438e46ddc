"""Writes are whole or absent, reads never run what they read."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ats_sim.arrays import checked
from ats_sim.errors import ArrayError, HomeError
from ats_sim.files import atomic_folder, atomic_path, read_json, read_npz, sha256, write_json, write_npz


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    write_json(target, {"x": np.float32(1.5), "y": np.arange(2)})
    with pytest.raises(ValueError, match="JSON"):
        write_json(target, {"x": float("nan")})
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "folder") as temporary:
        (temporary / "file").write_text("half")
        raise RuntimeError
    assert read_json(target, HomeError) == {"x": 1.5, "y": [0, 1]}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_npz_round_trip_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    arrays = {"v00/time": np.arange(5.0), "mask": np.eye(3, dtype=bool)}
    for name in ("a.npz", "b.npz"):
        write_npz(tmp_path / name, **arrays)
    assert sha256(tmp_path / "a.npz") == sha256(tmp_path / "b.npz")
    again = read_npz(tmp_path / "a.npz", HomeError)
    assert set(again) == set(arrays)
    np.testing.assert_array_equal(again["v00/time"], arrays["v00/time"])


def test_hostile_and_broken_files_give_the_readers_error(tmp_path: Path) -> None:
    np.savez(tmp_path / "pickle.npz", evil=np.array([print], dtype=object))
    (tmp_path / "short.npz").write_bytes(b"PK\x03\x04")
    with zipfile.ZipFile(tmp_path / "text.npz", "w") as archive:
        archive.writestr("a.npy", b"not an array")
    write_npz(tmp_path / "flipped.npz", a=np.arange(1000.0))
    damaged = bytearray((tmp_path / "flipped.npz").read_bytes())
    damaged[60:80] = b"\xff" * 20
    (tmp_path / "flipped.npz").write_bytes(damaged)
    for name in ("pickle.npz", "short.npz", "text.npz", "flipped.npz", "missing.npz"):
        with pytest.raises(HomeError, match=name):
            read_npz(tmp_path / name, HomeError)
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    for name in ("bad.json", "deep.json", "missing.json"):
        with pytest.raises(HomeError, match=name):
            read_json(tmp_path / name, HomeError)
    assert json.loads("1") == 1


@pytest.mark.parametrize("value", [[1.0, np.nan], [1.0], "ab", [[1.0, 2.0]], None])
def test_checked_names_the_array_that_is_wrong(value: object) -> None:
    with pytest.raises(ArrayError, match="speed"):
        checked("speed", value, (2,))
