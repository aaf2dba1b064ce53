"""Ctrl-C that a library swallowed: noted where it came, heard where work tells how far it is.

TensorFlow's dispatch takes a KeyboardInterrupt in some places for "no"; the work would go on to its end.
"""

from __future__ import annotations

_noted = False


def note() -> None:
    """For good: a process that was interrupted does nothing more."""
    global _noted
    _noted = True


def raise_noted() -> None:
    """Raises KeyboardInterrupt where one was noted."""
    if _noted:
        raise KeyboardInterrupt
