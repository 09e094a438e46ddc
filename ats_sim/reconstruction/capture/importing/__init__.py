"""Recordings of other programs as captures: one reader a format, one way of taking in what they read."""
