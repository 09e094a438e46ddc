"""Captures: the walkthrough of an empty home and the videos of the agent in it."""
