"""JSON with one value, or a few, taken out, swapped, or put to what no one expects; or its text spoiled."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

from benchmarks.attack.mutations import blind

ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 1.5, -0.0, 1e308, float("nan"), float("inf"), 2**31, 2**63, 2**64, 20_000_000, 10**400, "", "x",
    "0", "../../outside", "/dev/zero", "/etc/passwd", "\0", "\ud800", "\u202eabc", "\x1b[31m", "n" * 70_000, [], [[]], {},
    {"": {}}, [None] * 3, [1, 2, 3], {"schema": 1}, list(range(2000)), "1e999", "NaN", [[[[[[]]]]]], {"class_name": "Dense"},
    "Lambda",
)  # fmt: skip
_DEEP = (500, 5_000, 100_000)


def spoil(rng: Random, data: bytes) -> bytes:
    """Mostly one value changed; now and then the text itself."""
    try:
        whole = json.loads(data)
    except (ValueError, RecursionError):
        return blind.spoil(rng, data)
    if rng.random() < 0.12:
        return blind.spoil(rng, data)
    if rng.random() < 0.08:
        return _as_text(rng, data.decode("utf-8", "replace"))
    whole = copy.deepcopy(whole)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        whole = _changed(rng, whole)
    return json.dumps(whole).encode()


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in a document."""
    found, waiting = [], [value]
    while waiting:
        one = waiting.pop()
        keys = one.keys() if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        found += [(one, key) for key in keys]
        waiting += [one[key] for key in keys]
    return found


def _changed(rng: Random, whole: Any) -> Any:
    there = places(whole)
    if not there or rng.random() < 0.02:
        return rng.choice(ODD)
    holder, key = rng.choice(there)
    way = rng.randrange(10)
    if way <= 4:
        holder[key] = copy.deepcopy(rng.choice(ODD))
    elif way <= 6:
        del holder[key]
    elif way == 7:
        other, second = rng.choice(there)
        holder[key] = copy.deepcopy(other[second]) if second in _keys(other) else None
    elif way == 8 and isinstance(holder, dict):
        holder[rng.choice(("extra", "", "__class__", "schema", "../x"))] = holder.pop(key)
    else:
        holder[key] = rng.choice(([holder[key]], {"x": holder[key]}, str(holder[key])))
    return whole


def _keys(holder: Any) -> Any:
    return holder.keys() if isinstance(holder, dict) else range(len(holder))


def _as_text(rng: Random, text: str) -> bytes:
    """Nested too deep, keys twice, numbers that JSON does not have, another encoding, a mark before it."""
    deep = rng.choice(_DEEP)
    found = rng.choice(
        (
            text.replace("{", '{"deep": ' + "[" * deep + "]" * deep + ", ", 1),
            "[" * deep,
            '{"a":' * deep + "1" + "}" * deep,
            text.replace(": ", ": -Infinity, ", 1),
            text.replace("{", '{"schema": 1, "schema": 2, ', 1),
            text.replace("1", "1" + "0" * 5000, 1),
            "\ufeff" + text,
            text + text,
            "",
            "\0" * 100,
        )
    )
    return found.encode(rng.choice(("utf-8", "utf-8", "utf-8", "utf-16", "latin1")), "replace")
