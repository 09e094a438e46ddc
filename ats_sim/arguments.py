"""Cheap looks at paths of the command line, taken before anything heavy is imported to read them."""

from __future__ import annotations

from pathlib import Path

from ats_sim.errors import ConfigError


def needed(path: Path | None, option: str, meaning: str) -> Path:
    """The path of an option; ConfigError where it was not given."""
    if path is None:
        raise ConfigError(f"{option} is missing: {meaning}")
    return path


def reconstruction(path: Path) -> Path:
    """A folder that may be a reconstruction; ConfigError where nothing lies there, or something without home/."""
    advice = "pass the folder that `ats reconstruct CAPTURE -o RECON` wrote"
    if not path.exists():
        raise ConfigError(f"{path}: no such reconstruction; {advice}")
    if not (path / "home").is_dir():
        raise ConfigError(f"{path}: holds no home/, so it is no finished reconstruction; {advice}")
    return path


def recorded(path: Path) -> Path:
    """A place where motion may be recorded; ConfigError where neither a reconstruction nor a home can lie."""
    home = path.suffix == ".zip" or (path / "home.json").is_file()
    return path if str(path) == "default" or home else reconstruction(path)


def a_home(path: Path) -> Path:
    """A place where a home may lie; ConfigError where nothing does."""
    if str(path) != "default" and not path.expanduser().exists():
        raise ConfigError(f"{path}: no such home; pass 'default', a home folder or a .zip of one")
    return path


def home_or_capture(path: Path) -> Path:
    """A place where a home or a capture may lie; ConfigError where nothing does."""
    if str(path) != "default" and not path.expanduser().exists():
        raise ConfigError(
            f"{path}: no such home or capture; pass 'default', a home folder, a .zip of one, or a capture folder"
        )
    return path
