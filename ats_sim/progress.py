"""Progress bars with time left, on stderr, silent where nobody watches."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
FORMAT = "{desc:<28}{percentage:3.0f}%|{bar:24}| {n_fmt}/{total_fmt} [{elapsed} < {remaining}{postfix}]"


class Steps(Protocol):
    """A running count of work done."""

    def advance(self, n: int = 1, **postfix: float) -> None:
        """Count n more steps as done and show the named figures beside the bar."""


class _Bar:
    def __init__(self, bar: "tqdm[None]") -> None:
        self._bar = bar

    def advance(self, n: int = 1, **postfix: float) -> None:
        if postfix:
            self._bar.set_postfix({name: f"{value:.4g}" for name, value in postfix.items()}, refresh=False)
        self._bar.update(n)


def track(items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
    """Iterate while showing a bar; a log file (no terminal) gets a line every ten seconds instead of a redraw."""
    yield from tqdm(items, desc=label, total=total, bar_format=FORMAT, mininterval=_interval(), leave=True)


@contextmanager
def steps(total: int, label: str | None) -> Iterator[Steps]:
    """Show a bar for work that is no simple loop; count it with `.advance()`. Without a label nothing is shown."""
    with tqdm(
        total=total, desc=label, bar_format=FORMAT, mininterval=_interval(), leave=True, disable=label is None
    ) as bar:
        yield _Bar(bar)


def _interval() -> float:
    import sys

    return 0.1 if sys.stderr.isatty() else 10.0
