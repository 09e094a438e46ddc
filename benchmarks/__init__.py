"""Scripts that make every number in the README and in RESULTS.md."""
