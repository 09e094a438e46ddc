"""Gymnasium environments: a home brought to life behind the standard interface."""
