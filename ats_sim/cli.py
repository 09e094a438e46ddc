"""The `ats` command: one function per verb, each of which calls one function of the room that owns the work.

Rooms are imported inside their verb, so that `ats --help` is instant and needs neither torch nor OpenGL. Bad input ends
in one sentence on stderr and exit code 2.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import tyro

from ats_sim import __version__, arguments, summaries
from ats_sim.envs.closed_loop_config import ClosedLoopConfig
from ats_sim.errors import ConfigError
from ats_sim.exit_codes import BAD_INPUT, OK, PROBLEMS, guarded, refuse
from ats_sim.files import write_json
from ats_sim.models.config import TrainConfig
from ats_sim.play.options import PlayOptions
from ats_sim.reconstruction.capture.importing.options import FormatName, ImportOptions
from ats_sim.reconstruction.capture.synthesis.config import SynthesizeConfig
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.redact_options import RedactOptions
from ats_sim.viewer.options import ViewOptions

T = TypeVar("T")
Flat = Annotated[T, tyro.conf.arg(name="")]
Place = Annotated[T, tyro.conf.Positional]
Output = Annotated[Path, tyro.conf.arg(aliases=["-o"])]


def play(options: Flat[PlayOptions]) -> int:
    """Walk through a home: the animal lives there and reacts to you.

    With a screen this opens a window (H shows the keys). Without one, a scripted observer walks for 20 s and writes
    play.mp4. With --replay a walk is done again and compared: exit code 1 where a state differs or a line is cut off.
    With --blind N you are shown N clips and say of each whether the recorded or the simulated animal lives in it.
    """
    from ats_sim.play.blind.run import blind_test
    from ats_sim.play.run import play as run
    from ats_sim.play.run import replay

    if options.replay is not None:
        outcome = replay(options)
        print("\n".join(outcome.lines()))
        return OK if outcome.is_exact else PROBLEMS
    if options.blind is not None or options.answers is not None:
        print("\n".join(blind_test(options).lines()))
        return OK
    print("\n".join(run(options).lines()))
    return OK


def view(options: Flat[ViewOptions]) -> int:
    """Walk through a home in a browser, with the window's keys; only this machine can reach it.

    The link that is printed holds a token and works until Ctrl-C. The first page that opens it walks, further ones
    watch.
    """
    from ats_sim.viewer.run import view as run

    run(options)
    return OK


def synthesize(output: Output, config: Flat[SynthesizeConfig], json: Path | None = None) -> int:
    """Make up a home, an animal and the person who films it: a capture with ground truth.

    Args:
        output: Folder of the new capture.
        config: What it should contain.
        json: File to write the numbers at the end to.
    """
    from ats_sim.reconstruction.capture.synthesis.synthesize import synthesize as run

    numbers = run(output, config)
    return _end(numbers, summaries.synthesized(numbers, output), json, f"ats reconstruct {output} -o recon")


def import_capture(
    format: Place[FormatName],
    source: Place[Path],
    output: Output,
    options: Flat[ImportOptions],
    json: Path | None = None,
) -> int:
    """Take RGB-D recordings of a phone app or a data set into a capture, video by video.

    First the scan of the empty home with --walkthrough, then the videos of the animal, all at once or day by day: what
    the capture holds stays, and what it holds already is not taken in again. Without a walkthrough the capture is
    scan-free. Pictures are undistorted, made as large as their depth and turned upright; whether poses fit them, and
    where a format does not say it, which way is up, is measured on what was filmed.

    record3d: .r3d files or "EXR + JPG" exports. stray: folders of Stray Scanner. polycam: raw data, in developer mode.
    tum, scannet, 7scenes: data sets. nerfstudio: transforms.json with depth. mp4 is refused, as it has no depth.

    Args:
        format: Which program made the recordings.
        source: A recording, a zip of one, or a folder of several.
        output: Folder of the capture; begun where there is none.
        options: How recordings become parts of it.
        json: File to write the numbers at the end to.
    """
    from ats_sim.reconstruction.capture.importing.take_in import import_recordings

    outcome = import_recordings(format, source, output, options)
    more = f"ats import FORMAT SRC -o {output} (videos of the animal)"
    following = f"ats reconstruct {output} -o recon" if outcome["videos"] else more
    _end(outcome, summaries.imported(outcome, output), json, following)
    return PROBLEMS if outcome["refused"] else OK


def reconstruct(
    capture: Place[Path],
    output: Output,
    config: Flat[ReconstructConfig],
    resume: bool = True,
    json: Path | None = None,
) -> int:
    """Find every camera, the home and the moving animal in a capture.

    Args:
        capture: The capture folder.
        output: Folder of the reconstruction; it will hold home/, which is complete but for its behaviour.
        config: How it is done.
        resume: Keep stages that are done and whose inputs did not change.
        json: File to write the numbers at the end to.
    """
    from ats_sim.reconstruction.pipeline import reconstruct as run

    numbers = run(capture, output, config, resume)
    return _end(numbers, summaries.reconstructed(numbers, output), json, f"ats train {output} -o home")


def train(
    source: Place[Path], output: Output, config: Flat[TrainConfig], resume: bool = True, json: Path | None = None
) -> int:
    """Learn the animal's behaviour from a reconstruction and write a home that `ats play` opens.

    Args:
        source: The reconstruction folder, or a home that remembers its videos ("default" does), to teach it anew.
        output: Folder of the trained home; checkpoint, log and report lie beside it, in OUTPUT.training.
        config: How it is learned.
        resume: Go on from the last checkpoint; --no-resume begins anew.
        json: File to write the numbers at the end to.
    """
    arguments.recorded(source)
    from ats_sim.models.training import train as run

    numbers = run(source, output, config, resume)
    return _end(numbers, summaries.trained(numbers, output), json, f"ats play --home {output}")


def evaluate(
    what: Place[Literal["reconstruction", "behaviour", "closed-loop"]],
    path: Place[Path],
    closed_loop: Flat[ClosedLoopConfig],
    capture: Path | None = None,
    recon: Path | None = None,
    json: Path | None = None,
    report: Path | None = None,
) -> int:
    """Score a reconstruction against ground truth, behaviour against held-out videos, or life in a home.

    Args:
        what: What to score.
        path: The reconstruction, or the trained home ("default" is the bundled one).
        closed_loop: With `closed-loop`: how long and how often to watch.
        capture: With `reconstruction`: the capture it was made from.
        recon: With `behaviour`: the reconstruction the home was trained on; by default what the home remembers of it.
        json: File to write all scores to.
        report: With `closed-loop`: folder for closed_loop.json and a page with pictures, closed_loop.html.
    """
    if what == "reconstruction":
        source = arguments.needed(capture, "--capture", "the capture it was made from")
        arguments.reconstruction(path)
        from ats_sim.reconstruction.evaluation import evaluate_reconstruction

        scores: Any = evaluate_reconstruction(path, source)
        lines = summaries.reconstruction_scores(scores)
    elif what == "closed-loop":
        from ats_sim.envs.closed_loop import evaluate_closed_loop

        scores = evaluate_closed_loop(path, closed_loop, report)
        lines = summaries.closed_loop_scores(scores)
    else:
        recon = recon and arguments.reconstruction(recon)
        arguments.a_home(path)
        from ats_sim.models.evaluation import evaluate_behaviour

        scores = evaluate_behaviour(path, recon)
        lines = summaries.behaviour_scores(scores)
    return _end(scores, lines, json)


def check(path: Place[Path], redaction: Flat[RedactOptions], contents: bool = False) -> int:
    """Check a home or a capture completely; exit code 1 with every problem listed if there are any.

    With --contents: say of every file of a home what it reveals about the people who live there. With --redact OUT:
    write a copy without their photos and tracks, in which the animal lives on as before.

    Args:
        path: A home folder, a .zip of one, a capture folder, or "default" for the bundled home.
        redaction: What a copy to give away keeps.
        contents: List the files of a home and what they reveal.
    """
    if redaction.redact is None and redaction != RedactOptions():
        raise ConfigError("--texture and --keep-recordings say how --redact OUT is done; give it too")
    arguments.home_or_capture(path)
    further = contents or redaction != RedactOptions()
    if (path / "capture.json").exists():
        from ats_sim.reconstruction.capture.format import check_capture

        if further:
            raise ConfigError(f"{path}: is a capture, the videos themselves; --contents and --redact are for homes")
        problems = check_capture(path)
    else:
        from ats_sim.home import check_home
        from ats_sim.policy import policy_problems

        problems = check_home(str(path), require_policy=not further) or policy_problems(str(path))
    print("\n".join(problems) if problems else f"{path}: sound")
    if further and not problems:
        from ats_sim.redaction import describe_or_redact

        print("\n".join(describe_or_redact(str(path), redaction)))
    return PROBLEMS if problems else OK


def doctor() -> int:
    """Try every renderer, the physics and the network runtime, each in a process of its own, and say what to fix."""
    from ats_sim.doctor import examine
    from ats_sim.doctor_table import table

    findings = examine()
    print("\n".join(table(findings, shutil.get_terminal_size().columns)))
    return PROBLEMS if any(finding.is_needed and not finding.works for finding in findings) else OK


@dataclass(frozen=True)
class Verb:
    """A verb of the command line."""

    run: Callable[..., int]
    """The function behind it."""
    about: str
    """What it does, in a few words."""
    example: str
    """A command that works, or one a line."""
    goes_on: str = ""
    """From where the same command goes on after it was stopped; nothing where it begins anew."""


EVALUATIONS = (
    "ats evaluate reconstruction recon --capture capture --json s.json",
    "ats evaluate behaviour default",
    "ats evaluate behaviour home --recon recon",
    "ats evaluate closed-loop default --episodes 10 --seconds 30 --report report",
)
UNFINISHED = "with the recordings that are not finished"
STAGES = "with the stage that was stopped, from its beginning"
CHECKPOINT = "from the last checkpoint"
LESSONS = (
    "ats train recon -o home --preset fast",
    "ats train default -o retaught --ablate observer",
)
IMPORTS = (
    "ats import polycam empty-home.zip -o capture --walkthrough",
    "ats import record3d recordings -o capture",
)
VERBS: Mapping[str, Verb] = {
    "play": Verb(
        play, "walk around in a home; the animal reacts", "ats play --home default --seconds 60 --record walk.mp4"
    ),
    "view": Verb(view, "the same in a browser on this machine", "ats view --home default --port 8765"),
    "synthesize": Verb(
        synthesize, "make up a capture with ground truth", "ats synthesize -o capture --videos 6 --seed 1", UNFINISHED
    ),
    "import": Verb(import_capture, "phone recordings -> capture", "\n         ".join(IMPORTS), UNFINISHED),
    "reconstruct": Verb(
        reconstruct, "capture -> cameras, home, animal", "ats reconstruct capture -o recon --preset fast", STAGES
    ),
    "train": Verb(train, "reconstruction -> home with behaviour", "\n         ".join(LESSONS), CHECKPOINT),
    "evaluate": Verb(evaluate, "score against ground truth", "\n         ".join(EVALUATIONS)),
    "check": Verb(check, "list every problem of a home or capture", "ats check default"),
    "doctor": Verb(doctor, "what works on this machine, and how to fix the rest", "ats doctor"),
}


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    given = list(sys.argv[1:] if words is None else words)
    if not given:
        return guarded("help", lambda: _say(overview(), BAD_INPUT))
    if given[0] in ("-h", "--help", "help"):
        return guarded("help", lambda: _say(overview()))
    if given[0] == "--version":
        return guarded("version", lambda: _say(f"ats-sim {__version__}"))
    if given[0] not in VERBS:
        return refuse(f"no verb {given[0]!r}; there are {', '.join(VERBS)} (see ats --help)")
    return _run(given[0], given[1:])


def overview() -> str:
    """What `ats --help` says."""
    width = max(map(len, VERBS))
    lines = [f"  ats {name:{width}}  {verb.about}" for name, verb in VERBS.items()]
    return "\n".join(
        ["ats-sim: your animal, in your home, in a simulator", "", *lines, "", "ats VERB --help tells more."]
    )


def _run(name: str, words: Sequence[str]) -> int:
    verb = VERBS[name]
    about = f"{cleandoc(verb.run.__doc__ or '').split('Args:')[0].strip()}\n\nExample: {verb.example}"
    # Help is about the whole verb: after some arguments tyro would leave those out of the usage line.
    given = ["--help"] if {"-h", "--help"} & set(words) else list(words)
    goes_on = "" if "--no-resume" in words else verb.goes_on
    # An option that need not be given is left out; nobody says "None".
    looks = (tyro.conf.DisallowNone,)
    parsed = partial(tyro.cli, verb.run, prog=f"ats {name}", args=given, description=about, config=looks)
    return guarded(name, parsed, goes_on)


def _say(text: str, code: int = OK) -> int:
    print(text, flush=True)
    return code


def _end(numbers: Any, lines: Sequence[str], json: Path | None, following: str | None = None) -> int:
    """Say how a verb ended, on stderr what to do next, and write all numbers to a file where one is wanted."""
    if json is not None:
        write_json(json, numbers)
    print("\n".join(lines))
    if following is not None:
        print(f"next: {following}", file=sys.stderr)
    return OK


if __name__ == "__main__":
    sys.exit(main())
