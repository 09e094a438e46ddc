"""Walking through a home: with the keyboard in a window, or by a script that writes a film where there is no screen."""
