"""The figures of the metrics' definitions, one family a file; arrays in, plain numbers out."""

from typing import Any

Scores = dict[str, Any]
"""Nested plain numbers; a figure that cannot be computed is a string "n/a: reason"."""
NO_TRUTH = "n/a: the capture has no ground truth"
