"""Bundled homes."""
