"""How a command ends: its exit code, and one sentence on stderr where something was wrong."""

import sys
from collections.abc import Callable

from ats_sim.errors import AtsError

OK, PROBLEMS, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def guarded(name: str, run: Callable[[], int], goes_on: str = "") -> int:
    """The exit code of a verb called `name`; bad input, missing files and Ctrl-C end in a sentence.

    `goes_on` says from where what was stopped is taken up again; nothing where it is not.
    """
    try:
        return run()
    except AtsError as error:
        return refuse(str(error))
    except ModuleNotFoundError as error:
        how = "say `make train` in the checkout, or pip install -e '.[train]'"
        return refuse(f"`ats {name}` needs the package {error.name!r}: {how}")
    except BrokenPipeError:
        # Whoever read our output has seen enough; without this Python complains again at exit.
        sys.stdout = None  # type: ignore[assignment]
        return OK
    except OSError as error:
        return refuse(f"{error.filename or name}: {error.strerror or error}")
    except KeyboardInterrupt:
        sys.stderr.write(f"stopped; the same command goes on {goes_on}\n" if goes_on else "stopped\n")
        return INTERRUPTED


def refuse(message: str) -> int:
    """Say what was wrong with the input."""
    sys.stderr.write(f"ats: {message}\n")
    return BAD_INPUT
