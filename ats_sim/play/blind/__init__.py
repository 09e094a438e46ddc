"""Recorded or simulated? Clips of both in random order, a person who says which is which, and how often that was so."""
