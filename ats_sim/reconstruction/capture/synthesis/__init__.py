"""Captures made from nothing: a procedural home, an animal with a mind, and a person who films it."""
