"""What the doctor found, as lines for a terminal: a table, and one line on whether `ats play` can run."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from ats_sim.doctor import Finding

VERDICT = 7
"""Letters of the longest verdict, `no mix`, and one for air."""
LEAST = 40
"""Letters that the last column has, in however narrow a terminal."""


def table(findings: Sequence[Finding], width: int) -> Iterator[str]:
    """Lines about all findings, wrapped between words to `width` letters; the last one sums up what play needs."""
    name = max((len(finding.name) for finding in findings), default=0)
    for finding in findings:
        yield from _row(f"{finding.name:{name}}  {finding.verdict:{VERDICT}}", finding.detail, width)
        if finding.fix:
            yield from _row(f"{'':{name}}  {'fix:':{VERDICT}}", finding.fix, width)
    lacking = [finding.name for finding in findings if finding.is_needed and not finding.works]
    if lacking:
        yield f"`ats play` needs what is absent here: {', '.join(lacking)}"
    else:
        yield "everything that `ats play` needs works"


def _row(head: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text or "-",
        max(width, len(head) + 1 + LEAST),
        initial_indent=f"{head} ",
        subsequent_indent=" " * (len(head) + 1),
        break_long_words=False,
        break_on_hyphens=False,
    )
