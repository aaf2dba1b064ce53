"""What edgedigits wrote and reads again: JSON within limits, of the shape it must have, with a hash of itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from edgedigits_runner.hashing import new_sha256

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_DEPTH = 64
"""Of objects and lists in each other; the deepest of ours, a Keras model's config, has a third of it."""
HASH = "sha256"
"""The key under which a document carries the SHA-256 of all its other keys."""


def parse(text: str | bytes) -> Any:
    """The JSON in a text; ValueError for anything else, for a key written twice, too deep nesting, and half a character."""
    try:
        value = json.loads(text, object_pairs_hook=_once)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    level = [value]
    for _ in range(MOST_DEPTH):
        level = [each for one in level for each in _inside(one)]
        if not level:
            return value
    raise ValueError("nested too deep")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is written twice")
    return found


def _inside(value: Any) -> Iterable[Any]:
    """What an object or list holds; ValueError for text that can't be written again."""
    if isinstance(value, str):
        value.isascii() or value.encode()
        return ()
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else ()


def fault(value: Any, shape: Any, at: str = "") -> str:
    """Where and how a value differs from a shape, in a few words; "" where it has it.

    A shape is an object of shapes (more keys than these may be there; one that ends in "?" may be missing), a list that
    holds the shape of each item, or a check: a function that takes the value.
    """
    if isinstance(shape, dict):
        return _fault_of_object(value, shape, at)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{at}: no list"
        faults = (fault(each, shape[0], f"{at}[{number}]") for number, each in enumerate(value))
        return next(filter(None, faults), "")
    return "" if shape(value) else f"{at}: found {_short(value)}"


def _fault_of_object(value: Any, shape: dict[str, Any], at: str) -> str:
    if not isinstance(value, dict):
        return f"{at or 'the whole'}: no object"
    for key, inner in shape.items():
        name = key.rstrip("?")
        here = f"{at}.{name}" if at else name
        if name not in value:
            if key == name:
                return f"{here} is missing"
        elif found := fault(value[name], inner, here):
            return found
    return ""


def _short(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    shown = ascii(value) if isinstance(value, str) else str(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def hash_of(document: dict[str, Any]) -> str:
    """Hex SHA-256 of a document without the hash that it carries, whatever the order of its keys."""
    rest = {key: value for key, value in document.items() if key != HASH}
    digest = new_sha256()
    digest.update(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode())
    return str(digest.hexdigest())


def sealed(document: dict[str, Any]) -> dict[str, Any]:
    """The document with its hash, as the last key. TypeError or ValueError for what is no JSON."""
    rest = {key: value for key, value in document.items() if key != HASH}
    plain = json.loads(json.dumps(rest))  # as it will be read: tuples are lists then, and keys text
    return {**rest, HASH: hash_of(plain)}


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_line(value: Any) -> bool:
    """Text that can be shown: not empty, nothing in it steers a terminal."""
    return isinstance(value, str) and value != "" and value.isprintable()


def is_hash(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and not value.strip("0123456789abcdef")


def is_whole(value: Any) -> bool:
    """From 0 on."""
    return type(value) is int and value >= 0


def is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1


def is_object(value: Any) -> bool:
    return isinstance(value, dict)
