"""Which versions of each operator a release of a runtime has: `operator_versions.json`, asked of the releases themselves.

`python -m benchmarks.runtimes` writes it. An operator's entry names the releases at which something changes: from one to the next
it stays as it is. `refused` are operators that a release has in that version and does not run with those types; `broken` are
releases that ran nothing at all.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from edgedigits_runner.runtimes import KNOWN

from edgedigits.errors import InputError
from edgedigits.ground.facts import JsonObject
from edgedigits.measure.runtimes.asked import Asked
from edgedigits.measure.runtimes.pins import PINS, count_up
from edgedigits.tflite.contents import Operator

Span = tuple[int, int]
"""The lowest and the highest version of an operator."""
Typed = tuple[str, int, tuple[str, ...], tuple[str, ...]]
"""An operator, its version, the types of its inputs and of its outputs."""


@dataclass(frozen=True)
class Release:
    """A release of a runtime; `known_by` is the one whose operators are told, which is an older one where it was not asked
    itself."""

    runtime: str
    version: str
    known_by: str

    def __str__(self) -> str:
        return f"{self.runtime} {self.version}"

    @property
    def note(self) -> str:
        """What is said where another was asked in its stead; "" where it was not."""
        if self.known_by == self.version:
            return ""
        return (
            f"{self} is not in the table: its operators are taken to be those of {self.known_by}, the nearest older one"
        )


def find_release(asked: Asked) -> Release:
    """The release that was named, else the one at hand. Raises InputError, naming those that are known, where there never was
    such a one, or where it is older than all that are."""
    table = _of(asked.name)
    version = spell(Asked(asked.name, asked.version or find_at_hand(asked.name))).version
    older = [one for one in table["asked"] if _number(one) <= _number(version)]
    newest = max(table["published"], key=_number)
    never = bool(asked.version) and version not in table["published"] and _number(version) < _number(newest)
    if not older or never:
        why = "is older than all that are known" if version in table["published"] else "there is no such release"
        raise InputError(f"--runtime {asked}: {why}; known are {', '.join(table['asked'])}")
    return Release(asked.name, version, older[-1])


def list_releases(runtime: str) -> tuple[str, ...]:
    """Those of a runtime that were asked, oldest first."""
    return tuple(_of(runtime)["asked"])


def list_pythons(asked: Asked) -> tuple[tuple[int, int], ...]:
    """Pythons, newest first, that there are packages of that release for; () where that is not known."""
    found = _of(asked.name)["published"].get(spell(asked).version, [])
    return tuple((int(one.split(".")[0]), int(one.split(".")[1])) for one in reversed(found))


def read_operators(runtime: str, release: str) -> Mapping[str, Span]:
    """Of each operator of a release that was asked, by its name in the schema, its versions."""
    until = [one for one in list_releases(runtime) if _number(one) <= _number(release)]
    found: dict[str, Span] = {}
    for name, changes in _of(runtime)["operators"].items():
        span: list[int] = next((changes[one] for one in reversed(until) if one in changes), [])
        if span:
            found[name] = (span[0], span[1])
    return found


def list_typed(operators: Iterable[Operator]) -> list[Typed]:
    """Of each operator its name, version, and types; inputs that are left out don't count."""
    return [
        (one.name, one.version, tuple(name for name in one.input_dtypes if name != "NONE"), one.output_dtypes)
        for one in operators
    ]


def read_refused(runtime: str, release: str) -> frozenset[Typed]:
    """Operators that a release has in that version, and yet refuses for their types, of those that exports make."""
    return frozenset(
        (one["operator"], one["version"], tuple(one["inputs"]), tuple(one["outputs"]))
        for one in _of(runtime).get("refused", [])
        if release in one["releases"]
    )


def is_broken(runtime: str, release: str) -> bool:
    """Whether a release ran no file at all when it was asked."""
    return release in _of(runtime).get("broken", [])


def find_at_hand(runtime: str) -> str:
    """The version that is installed here, else the one that its own environment gets, or a device, else the newest known."""
    return find_installed(runtime) or PINS[runtime].release or list_releases(runtime)[-1]


def find_installed(runtime: str) -> str:
    """Numbers of the version of the package in this Python's environment; "" where there is none."""
    try:
        version = importlib.metadata.version(KNOWN[runtime].distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""
    found = re.match(r"\d+(\.\d+)*", version)
    return found[0] if found else ""


def spell(asked: Asked) -> Asked:
    """The version as the index spells it: 2.14 is 2.14.0."""
    if not asked.version:
        return asked
    known = (one for one in _of(asked.name)["published"] if _number(one) == _number(asked.version))
    return Asked(asked.name, next(known, asked.version))


def _number(version: str) -> tuple[int, ...]:
    found = count_up(version)
    while found[-1:] == (0,):
        found = found[:-1]
    return found


def _of(runtime: str) -> JsonObject:
    found: JsonObject = _table()["runtimes"][runtime]
    return found


@cache
def _table() -> JsonObject:
    text = (resources.files("edgedigits.measure.runtimes") / "operator_versions.json").read_text(encoding="utf-8")
    found: JsonObject = json.loads(text)
    return found
