"""Every error that ats-sim raises on purpose.

A message says what was wrong (with the value), where (file, frame, argument) and what to do about it. The command line
turns any of these into one sentence and exit code 2; a traceback is a bug.
"""


class AtsError(Exception):
    """Base of all errors that ats-sim raises on purpose."""


class ArrayError(AtsError, ValueError):
    """An array has the wrong shape or holds values that are not finite."""


class ConfigError(AtsError, ValueError):
    """An option has a value outside what it may be."""


class ActionError(AtsError, ValueError):
    """An action is not a finite array of the action space's shape."""


class CaptureError(AtsError):
    """A capture folder is incomplete, corrupt or contradicts itself."""


class ReconstructionError(AtsError):
    """A reconstruction cannot be made from, or read back from, what is there."""


class TrainingError(AtsError):
    """Behaviour cannot be trained, or training went astray."""


class HomeError(AtsError):
    """A home bundle is incomplete, corrupt, hostile or contradicts itself."""


class PolicyError(AtsError):
    """A policy does not fit the home or the inputs it was given."""


class RenderError(AtsError):
    """No renderer can be opened, or one was used wrongly."""
