"""What a person said about each clip, on disk after every answer, so that a test can be left and gone on with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from ats_sim import __version__
from ats_sim.errors import ConfigError
from ats_sim.files import read_json, write_json
from ats_sim.play.blind.clips import Clip
from ats_sim.play.blind.scores import RECORDED, SIMULATED, UNSURE, Scores

FORMAT = "ats-blind/1"
ANSWERS = {"1": RECORDED, "2": SIMULATED, "0": UNSURE}
"""Keys, and what they say."""
Row = TypeVar("Row")


@dataclass(frozen=True)
class Setup:
    """What the clips of a test follow from."""

    home: str
    """The home's name."""
    fingerprint: str
    """SHA-256 of its manifest."""
    seed: int
    """Which moments, which truths, and the simulated animal's chance."""
    seconds: float
    """Length of a clip."""
    clips: int
    """How many there are."""
    version: str = __version__
    """The ats-sim that simulated."""


@dataclass(frozen=True)
class Rating:
    """One answer."""

    clip: int
    """Number of the clip."""
    video: str
    """The recording it is of."""
    start: float
    """Seconds of the recording at which its replay began."""
    truth: str
    """recorded or simulated."""
    in_view: float
    """Share of the clip in which the animal was seen."""
    answer: str
    """recorded, simulated or unsure."""
    seconds: float
    """Time from the clip's first picture to the answer."""
    replays: int
    """Times it was shown again."""


def truth_of(clip: Clip) -> str:
    """The truth about a clip, in the words of an answer."""
    return RECORDED if clip.is_recorded else SIMULATED


class Ratings:
    """The answers of one person."""

    def __init__(self, path: Path, setup: Setup, clips: Sequence[Clip]) -> None:
        """Begin, or go on where the file ends.

        Raises:
            ConfigError: If the file cannot be read, or is of another test.
        """
        self.path, self._setup, self._clips = path, setup, tuple(clips)
        self.given: list[Rating] = []
        """Answers so far, in the order of the clips."""
        if path.exists():
            self.given = self._read()

    @property
    def open_clips(self) -> tuple[Clip, ...]:
        """Clips without an answer."""
        return self._clips[len(self.given) :]

    def add(self, rating: Rating) -> None:
        """Take the answer to the next clip and write the file."""
        self.given.append(rating)
        write_json(self.path, {"format": FORMAT, **asdict(self._setup), "answers": [asdict(one) for one in self.given]})

    def scores(self) -> Scores:
        """The answers so far in numbers."""
        return Scores.of([(one.truth, one.answer) for one in self.given])

    def _read(self) -> list[Rating]:
        plain = read_json(self.path, ConfigError)
        stored = read_setup(self.path, plain, FORMAT)
        for field in fields(Setup):
            there, here = getattr(stored, field.name), getattr(self._setup, field.name)
            if field.name != "home" and there != here:
                raise ConfigError(
                    f"{self.path}: was begun with {field.name} {there!r}, this is {here!r}; go on as it was begun, or "
                    "write to another file with --ratings"
                )
        given = read_rows(self.path, plain.get("answers"), Rating)
        if len(given) > len(self._clips):
            raise ConfigError(f"{self.path}: {len(given)} answers to {len(self._clips)} clips")
        for one, clip in zip(given, self._clips, strict=False):
            was, known = (one.clip, one.video, one.start, one.truth), (clip.number, clip.video, clip.start)
            if was != (*known, truth_of(clip)) or one.answer not in ANSWERS.values():
                raise ConfigError(f"{self.path}: answer {clip.number} is not one to the clip of that number")
        return given


def read_setup(path: Path, plain: Any, format: str) -> Setup:
    """The setup in a file's plain values; ConfigError where it is of another format or damaged."""
    found = plain.get("format") if isinstance(plain, dict) else None
    if found != format:
        raise ConfigError(f"{path}: format {str(found)[:40]!r}, want {format!r}")
    return read_rows(path, [{field.name: plain.get(field.name) for field in fields(Setup)}], Setup)[0]


def read_rows(path: Path, rows: Any, kind: type[Row]) -> list[Row]:
    """Rows of plain values as dataclasses of text and numbers; ConfigError names the first that is none."""
    wanted: dict[str, Any] = {field.name: field.type for field in fields(kind)}  # type: ignore[arg-type]
    allowed = {"str": (str,), "int": (int,), "float": (int, float)}
    if not isinstance(rows, list):
        raise ConfigError(f"{path}: want a list of {kind.__name__.lower()}s")
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict) or set(row) != set(wanted):
            raise ConfigError(f"{path}: {kind.__name__.lower()} {number} wants {', '.join(wanted)}")
        for name, type_name in wanted.items():
            if not isinstance(row[name], allowed[type_name]) or isinstance(row[name], bool):
                raise ConfigError(f"{path}: {kind.__name__.lower()} {number}: {name} is {str(row[name])[:40]!r}")
    return [kind(**row) for row in rows]
