"""Walking through a home in a browser: the same world and the same keys as in the window, on this machine only."""
