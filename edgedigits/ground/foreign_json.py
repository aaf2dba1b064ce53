"""JSON that another program or machine wrote: read within limits, and held against the shape it must have."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

Check = Callable[[object], bool]
Shape = Mapping[str, "Check | Shape | list[Shape]"]

_MOST_TEXT = 2**16
_shown = reprlib.Repr()
_shown.maxstring = _shown.maxother = _shown.maxlong = 50
_shown.maxlevel = 3


class Mismatch(ValueError):
    """A value that is not of its shape: where in the document, and what was found there."""

    def __init__(self, place: str, what: str) -> None:
        super().__init__(f"{place}: {what}" if place else what)
        self.place, self.what = place, what


def parse(data: bytes | str, most_bytes: int, most_values: int = 2**20) -> Any:
    """The value of a JSON text in UTF-8; ValueError, which says why in a few words, where it is none or too large.

    Numbers that JSON does not have (NaN, Infinity) are refused. Values are counted before any is made.
    """
    if len(data) > most_bytes:
        raise ValueError(f"longer than {most_bytes} bytes")
    try:
        raw = data.encode() if isinstance(data, str) else data
        if sum(raw.count(mark) for mark in (b",", b"[", b"{")) > most_values:
            raise ValueError(f"more than {most_values} values")
        return json.loads(raw.decode(), parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def look(value: object, shape: Shape, place: str = "", *, more: bool = False) -> None:
    """Mismatch unless `value` has exactly the keys of `shape`, each as its check wants it; `more` allows other keys.

    A shape in a list stands for a list of at least one such object.
    """
    if not isinstance(value, dict):
        raise Mismatch(place, f"found {shorten(value)}, an object was expected")
    for key in sorted(shape.keys() - value.keys()):
        raise Mismatch(_below(place, key), "missing")
    for key in value.keys() - shape.keys() if not more else ():
        raise Mismatch(_below(place, shorten(key).strip("'")), "unknown")
    for key, wanted in shape.items():
        found, here = value[key], _below(place, key)
        if isinstance(wanted, list):
            _look_at_list(found, wanted[0], here)
        elif callable(wanted):
            if not wanted(found):
                raise Mismatch(here, f"found {shorten(found)}")
        else:
            look(found, wanted, here)


def shorten(value: object) -> str:
    """A value for a message: one line, not long, whatever it is."""
    shown = _shown.repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def make_plain(text: str, most: int = 2000) -> str:
    """Foreign text for a terminal: one line without control characters, cut where it is long."""
    one_line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * most]).split())
    return one_line if len(one_line) <= most else one_line[: most - 3] + "..."


def is_text(value: object) -> bool:
    """Text that can be written down, of a bounded length."""
    return isinstance(value, str) and len(value) <= _MOST_TEXT and not any("\ud800" <= c <= "\udfff" for c in value)


def is_name(value: object) -> bool:
    """Text of one line."""
    return (
        isinstance(value, str)
        and is_text(value)
        and len(value) <= 4096
        and all(ord(c) >= 32 and ord(c) != 127 for c in value)
    )


def is_switch(value: object) -> bool:
    return isinstance(value, bool)


def is_whole(value: object) -> bool:
    """0 to 2^63 - 1."""
    return type(value) is int and 0 <= value < 2**63


def is_count(value: object) -> bool:
    """1 to 2^31 - 1."""
    return type(value) is int and 1 <= value < 2**31


def allow_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


def check_list(check: Check, most: int = 10_000) -> Check:
    """A list, which may be empty."""
    return lambda value: isinstance(value, list) and len(value) <= most and all(map(check, value))


def _look_at_list(found: object, wanted: Shape, here: str) -> None:
    if not isinstance(found, list) or not found:
        raise Mismatch(here, f"found {shorten(found)}, a list was expected")
    for i, each in enumerate(found):
        look(each, wanted, f"{here}[{i}]")


def _below(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")
