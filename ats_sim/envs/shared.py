"""What environments of one process share: a second one of the same home costs what moves in it, not what is read.

Everything is checked anew for every environment; only homes with the same `home.json`, and so the same files, are one.
"""

import os
import weakref
from pathlib import Path

from ats_sim.home import Home
from ats_sim.planning import Mind

_HOMES: "weakref.WeakValueDictionary[tuple[int, str], Home]" = weakref.WeakValueDictionary()
_MINDS: "weakref.WeakKeyDictionary[Home, dict[str, Mind]]" = weakref.WeakKeyDictionary()


def shared_home(path: "str | Path", *, require_policy: bool) -> Home:
    """Load and validate a home, or the one that is in use already; raises as `Home.load`.

    A forked process begins anew: networks opened by its parent do not survive the fork.
    """
    opened = Home.load(path, require_policy=require_policy)
    return _HOMES.setdefault((os.getpid(), opened.fingerprint), opened)


def shared_mind(home: Home) -> Mind:
    """The policy of a home, opened once; raises as `Policy.load`."""
    from ats_sim.policy import PROVIDER_VARIABLE, Policy

    minds = _MINDS.setdefault(home, {})
    asked = f"{os.getpid()} {os.environ.get(PROVIDER_VARIABLE, '')}"
    if asked not in minds:
        minds[asked] = Policy.load(home)
    return minds[asked]
