"""Whether work can be spread over processes here."""

import sys
from pathlib import Path


def can_spawn() -> bool:
    """A spawned process imports the main script again, which a program read from stdin does not have."""
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    return getattr(main, "__spec__", None) is not None or (path is not None and Path(path).is_file())
