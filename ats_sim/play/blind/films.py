"""The clips as films that anybody can be asked about elsewhere, and the key by which their answers are scored.

`ratings.json` names all of it: the folder `ratings/` is handed out, `ratings.key.json` is kept. The folder holds the
key's SHA-256, so that nobody has to trust that the key was written before the answers.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ats_sim.errors import ConfigError
from ats_sim.files import atomic_folder, read_json, sha256, write_json
from ats_sim.play.blind.clips import RATE, Clip, in_view, lived, picture_of
from ats_sim.play.blind.ratings import ANSWERS, Setup, read_rows, read_setup, truth_of
from ats_sim.play.blind.scores import RECORDED, SIMULATED, Scores
from ats_sim.play.film import film_size
from ats_sim.progress import track
from ats_sim.rendering.home_renderer import HomeRenderer
from ats_sim.video import VideoWriter

if TYPE_CHECKING:
    from ats_sim.play.options import PlayOptions
    from ats_sim.world import World

KEY_FORMAT = "ats-blind-key/1"
SHEET, SEAL = "answers.csv", "seal.txt"
COLUMNS = ["clip", "answer"]


@dataclass(frozen=True)
class Sealed:
    """What is true of one film."""

    clip: int
    """Its number."""
    film: str
    """Its name in the folder."""
    sha256: str
    """Digest of the film."""
    video: str
    """The recording it is of."""
    start: float
    """Seconds of the recording at which its replay began."""
    truth: str
    """recorded or simulated."""
    in_view: float
    """Share of the clip in which the animal is seen."""


@dataclass(frozen=True)
class Handout:
    """What was written."""

    folder: Path
    """Films, a sheet for the answers, and the key's digest."""
    key: Path
    """The truth."""
    sealed: tuple[Sealed, ...]
    """Its rows."""
    ratings: Path
    """The name that belongs to all of it."""
    is_new: bool = True
    """Whether it was written now; False where it was there already and nothing was touched."""

    def lines(self) -> list[str]:
        """What to do with it, a line each."""
        there = f"there already, nothing was written; for other clips choose another name than {self.ratings}"
        return [
            *([] if self.is_new else [there + " with --ratings"]),
            f"{len(self.sealed)} clips: hand out {self.folder}/ (fill in {SHEET}: 1 recorded, 2 simulated, 0 cannot "
            f"tell), keep {self.key}",
            f"score: ats play --answers {self.folder / SHEET} --ratings {self.ratings}",
            f"in view: the recorded animal {self._in_view(RECORDED)} of the time, the simulated one "
            f"{self._in_view(SIMULATED)}; the camera followed the recorded one, which may tell",
        ]

    def _in_view(self, truth: str) -> str:
        shares = [one.in_view for one in self.sealed if one.truth == truth]
        return f"{100.0 * sum(shares) / len(shares):.0f} %" if shares else "none"


def places(ratings: Path) -> tuple[Path, Path]:
    """Folder and key that belong to a name of ratings."""
    return ratings.with_suffix(""), ratings.with_suffix(".key.json")


def write_clips(world: World, options: PlayOptions, setup: Setup, clips: Sequence[Clip]) -> Handout:
    """Film all clips and write the key, where `written_before` found none.

    Raises:
        RenderError: If nothing can draw.
    """
    folder, key = places(options.ratings)
    renderer = HomeRenderer(world.home, *options.pixels, options.renderer)
    try:
        with atomic_folder(folder) as temporary:
            sealed = tuple(
                _filmed(world, renderer, options, setup, clip, temporary) for clip in track(clips, "filming the clips")
            )
            rows = [asdict(one) for one in sealed]
            write_json(key, {"format": KEY_FORMAT, **asdict(setup), "sealed": rows})
            (temporary / SEAL).write_text(f"{sha256(key)}  {key.name}\n", encoding="utf-8")
            sheet = "".join(f"{clip.number},\n" for clip in clips)
            (temporary / SHEET).write_text(f"{','.join(COLUMNS)}\n{sheet}", encoding="utf-8")
    finally:
        renderer.close()
    return Handout(folder, key, sealed, options.ratings)


def written_before(ratings: Path, setup: Setup) -> Handout | None:
    """The clips of this very test if they are there, whole; None where nothing is.

    Raises:
        ConfigError: If files of another test, or parts of this one, are there: answers or the only key would be lost.
    """
    folder, key = places(ratings)
    if not folder.exists() and not key.exists():
        return None
    if folder.exists() and not (folder / SEAL).exists():
        raise ConfigError(f"{folder}: there already, and no clips are in it; choose another name with --ratings")
    keep = f"nothing was changed. Move {folder} and {key} away, or choose another name with --ratings"
    for path, other in ((folder, key), (key, folder)):
        if not path.exists():
            raise ConfigError(f"{other}: there already, but {path}, which belongs to it, is not; {keep}")
    stored, sealed = _read_key(folder, key)
    for name, wanted in asdict(setup).items():
        there = getattr(stored, name)
        if name != "home" and there != wanted:
            raise ConfigError(f"{folder}, {key}: written with {name} {there!r}, this is {wanted!r}; {keep}")
    for one in sealed:
        film = folder / one.film
        if not film.is_file() or sha256(film) != one.sha256:
            raise ConfigError(f"{film}: missing, or not the film that was written; {keep}")
    return Handout(folder, key, sealed, ratings, is_new=False)


def score_answers(answers: Path, ratings: Path) -> Scores:
    """Score a sheet of answers by the key.

    Raises:
        ConfigError: If key or sheet cannot be read, the key is not the sealed one, or nothing was answered.
    """
    folder, key = places(ratings)
    if not key.exists():
        raise ConfigError(f"{key}: no such file; with --ratings name the test whose clips were answered")
    truths = {one.clip: one.truth for one in _read_key(folder, key)[1]}
    given = read_sheet(answers, truths)
    if not given:
        raise ConfigError(f"{answers}: no clip has an answer; write 1, 2 or 0 behind its comma")
    return Scores.of([(truths[clip], answer) for clip, answer in given.items()])


def read_sheet(path: Path, known: dict[int, str]) -> dict[int, str]:
    """Answers by clip, clips without one left out; ConfigError names the line that makes no sense."""
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file; --answers wants the {SHEET} that somebody filled in") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: no sheet of comma-separated text ({error})") from error
    if not rows or [cell.strip() for cell in rows[0]] != COLUMNS:
        raise ConfigError(f"{path}, line 1: want the columns {','.join(COLUMNS)}")
    given: dict[int, str] = {}
    for number, row in enumerate(rows[1:], start=2):
        clip, answer = ([cell.strip() for cell in row] + ["", ""])[:2]
        if not answer:
            continue
        if not clip.isdecimal() or int(clip) not in known or int(clip) in given or answer not in ANSWERS:
            raise ConfigError(
                f"{path}, line {number}: {json.dumps(','.join(row))[:60]}, want a clip of 1 to {len(known)}, each "
                "once, and 1 (recorded), 2 (simulated) or 0 (cannot tell)"
            )
        given[int(clip)] = ANSWERS[answer]
    return given


def _read_key(folder: Path, key: Path) -> tuple[Setup, tuple[Sealed, ...]]:
    """What the clips follow from and what is true of them; ConfigError if the key is not the one that was sealed."""
    plain = read_json(key, ConfigError)
    setup = read_setup(key, plain, KEY_FORMAT)
    seal = folder / SEAL
    if seal.exists() and seal.read_text(encoding="utf-8").split(" ")[0] != sha256(key):
        raise ConfigError(f"{key}: is not the key that {seal} was written with")
    return setup, tuple(read_rows(key, plain.get("sealed"), Sealed))


def _filmed(
    world: World, renderer: HomeRenderer, options: PlayOptions, setup: Setup, clip: Clip, folder: Path
) -> Sealed:
    """Film one clip, and say what is true of it."""
    name = f"clip-{clip.number:03d}.mp4"
    size = film_size(renderer.backend, options)
    moments = lived(world, clip, setup.seconds, setup.seed)
    with VideoWriter(folder / name, *size, RATE) as film:
        for moment in moments:
            film.write(picture_of(renderer, moment, size))
    seen = round(in_view(world.home, moments), 3)
    return Sealed(clip.number, name, sha256(folder / name), clip.video, clip.start, truth_of(clip), seen)
