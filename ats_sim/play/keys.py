"""The keys: one table, from which the window's help, the page's help and the README are written.

Key names are those of the window's library (pygame) and are the same for the browser: `w`, `space`, `left`, `,`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Key:
    """One row of the table."""

    shown: str
    """How people read it."""
    meaning: str
    """What it does."""
    names: tuple[str, ...] = ()
    """The key names that do it; none where it is the mouse alone."""


KEYS = (
    Key("W A S D", "walk", ("w", "a", "s", "d")),
    Key("Arrows", "look around", ("left", "right", "up", "down")),
    Key("Right mouse", "hold to look around"),
    Key("M", "let the mouse look all the time, or not", ("m",)),
    Key("Shift", "run", ("shift",)),
    Key("C", "crouch, stand up", ("c",)),
    Key("Click or G", "send the animal there, or to the picture's middle", ("g",)),
    Key("Backspace", "let it choose again", ("backspace",)),
    Key("1 2 3", "whether it perceives the home, you, its own past", ("1", "2", "3")),
    Key("P", "show its plan", ("p",)),
    Key("F", "show what it might do next", ("f",)),
    Key("V", "next view: your eyes, shoulder, bird's eye, its eyes", ("v",)),
    Key("Space", "pause", ("space",)),
    Key(", and .", "slower, faster", (",", ".")),
    Key("Z", "hold to turn time back", ("z",)),
    Key("R", "begin anew", ("r",)),
    Key("N", "save a picture", ("n",)),
    Key("H", "this help", ("h",)),
    Key("Esc or Q", "leave", ("escape", "q")),
)
HELD = frozenset({"w", "a", "s", "d", "up", "down", "left", "right", "shift", "z"})
"""Keys that act for as long as they are down; all others act once when they go down."""
ALL_NAMES = frozenset(name for key in KEYS for name in key.names)


def readme_table() -> str:
    """The table of keys as Markdown, two keys a row."""
    half = (len(KEYS) + 1) // 2
    cells = [f"| {key.shown} | {key.meaning} " for key in KEYS] + ["| | "] * (2 * half - len(KEYS))
    rows = [f"{left}{right}|" for left, right in zip(cells[:half], cells[half:], strict=True)]
    return "\n".join(["| key | does | key | does |", "|---|---|---|---|", *rows])
