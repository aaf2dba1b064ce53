"""Ctrl-C that a library swallowed: noted where it came, heard where work tells how far it is.

TensorFlow's dispatch takes a KeyboardInterrupt in some places for "no"; the work would go on to its end.
"""

from __future__ import annotations

_noted = False


def note(noted: bool) -> None:
    """That one came, or that the work that it was for has ended."""
    global _noted
    _noted = noted


def raise_noted() -> None:
    """Raises KeyboardInterrupt where one was noted."""
    if _noted:
        raise KeyboardInterrupt
