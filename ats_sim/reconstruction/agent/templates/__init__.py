"""The bodies that a fit may start from: a quadruped, a human, a handful of loose bones."""
