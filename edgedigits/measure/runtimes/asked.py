"""What `--runtime` may say: a name of the runner's table, or NAME==VERSION, where the package's own name will do, too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from edgedigits_runner.runtimes import KNOWN

from edgedigits.errors import InputError
from edgedigits.measure.runtimes.pins import PINS

AUTO: Final = "auto"
_VERSION: Final = r"\d+(\.\d+){0,3}"


@dataclass(frozen=True)
class Asked:
    """`name` is a row of `KNOWN`, or "auto"; `version` is "" for the one that is at hand."""

    name: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name}=={self.version}" if self.version else self.name


def parse_asked(said: str, choices: Iterable[str] | None = None) -> Asked:
    """Raises InputError for a name that is not among `choices`, by default all and "auto", or that no version follows rightly."""
    names = (AUTO, *KNOWN) if choices is None else tuple(choices)
    name, equals, version = said.partition("==")
    name = next((row for row, known in KNOWN.items() if name == known.distribution), name)
    if name not in names:
        single = re.match(rf"({'|'.join(map(re.escape, names))})[=<>~! ]", said)
        why = f"wanted NAME==VERSION, as {_example(single[1])}" if single else "unknown"
        raise InputError(f"--runtime {said}: {why}; choose from {', '.join(names)}")
    if equals and (name == AUTO or not re.fullmatch(_VERSION, version)):
        raise InputError(f"--runtime {said}: wanted NAME==VERSION with a release's number, as {_example(name)}")
    return Asked(name, version)


def parse_all_asked(said: str | Sequence[str]) -> tuple[Asked, ...]:
    """Those that a file is to run on, each once; "auto" is none of them. Raises InputError."""
    each = [said] if isinstance(said, str) else list(said)
    return tuple(dict.fromkeys(parse_asked(str(one), KNOWN) for one in each))


def _example(name: str) -> str:
    """A right one, of that runtime if it has a release that is pinned."""
    shown = name if name in PINS and PINS[name].release else next(other for other in PINS if PINS[other].release)
    return f"{shown}=={PINS[shown].release}"
