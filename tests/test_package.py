"""The wheel holds one top-level module, and the folders at the root are links into it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_root_shows_the_four_folders_as_links() -> None:
    for name in ("envs", "reconstruction", "models", "assets"):
        link = ROOT / name
        assert link.is_symlink() and link.readlink() == Path("ats_sim") / name


@pytest.mark.slow
def test_wheel_has_exactly_one_top_level_module(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"ats_sim"}
