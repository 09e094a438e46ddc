"""The `ats` command: its verbs, its overview, and what happens to what is typed.

Bad input ends in one sentence on stderr and exit code 2.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import tyro

from ats_sim import __version__, verbs
from ats_sim.exit_codes import BAD_INPUT, OK, guarded, refuse


@dataclass(frozen=True)
class Verb:
    """A verb of the command line."""

    run: Callable[..., int]
    """The function behind it."""
    about: str
    """What it does, in a few words."""
    example: str
    """A command that works, or one a line."""
    goes_on: bool = False
    """Whether the same command goes on where it was stopped."""


EVALUATIONS = (
    "ats evaluate reconstruction recon --capture capture --json s.json",
    "ats evaluate behaviour home --recon recon",
    "ats evaluate closed-loop default --episodes 10 --seconds 30 --report report",
)
VERBS: Mapping[str, Verb] = {
    "play": Verb(
        verbs.play, "walk around in a home; the animal reacts", "ats play --home default --seconds 60 --record walk.mp4"
    ),
    "view": Verb(verbs.view, "the same in a browser on this machine", "ats view --home default --port 8765"),
    "synthesize": Verb(
        verbs.synthesize, "make up a capture with ground truth", "ats synthesize -o capture --videos 6 --seed 1", True
    ),
    "import": Verb(verbs.import_capture, "take in another program's recordings (none yet)", "ats import --help"),
    "reconstruct": Verb(
        verbs.reconstruct, "capture -> cameras, home, animal", "ats reconstruct capture -o recon --preset fast", True
    ),
    "train": Verb(verbs.train, "reconstruction -> home with behaviour", "ats train recon -o home --preset fast", True),
    "evaluate": Verb(verbs.evaluate, "score against ground truth", "\n         ".join(EVALUATIONS)),
    "check": Verb(verbs.check, "list every problem of a home or capture", "ats check default"),
    "doctor": Verb(verbs.doctor, "what works on this machine, and how to fix the rest", "ats doctor"),
}


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    given = list(sys.argv[1:] if words is None else words)
    if not given or given[0] in ("-h", "--help", "help"):
        print(overview())
        return OK if given else BAD_INPUT
    if given[0] == "--version":
        print(f"ats-sim {__version__}")
        return OK
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
    about = f"{(verb.run.__doc__ or '').split('Args:')[0].strip()}\n\nExample: {verb.example}"
    # Help is about the whole verb: after some arguments tyro would leave those out of the usage line.
    given = ["--help"] if {"-h", "--help"} & set(words) else list(words)
    goes_on = verb.goes_on and "--no-resume" not in words
    return guarded(name, lambda: tyro.cli(verb.run, prog=f"ats {name}", args=given, description=about), goes_on)


if __name__ == "__main__":
    sys.exit(main())
