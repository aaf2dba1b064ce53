"""Whether a file will run on a release of a runtime: by the table of its operators, and really loaded where it is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from edgedigits_runner.runtimes import KNOWN, ON_DEVICES

from edgedigits.errors import OperatorError, TfliteError
from edgedigits.ground.facts import JsonObject
from edgedigits.measure.runs_on.loading import Loading, try_loading
from edgedigits.measure.runtimes.asked import AUTO, Asked, parse_asked
from edgedigits.measure.runtimes.operator_versions import (
    Release,
    find_release,
    is_broken,
    list_releases,
    list_typed,
    read_operators,
    read_refused,
)
from edgedigits.tflite.contents import Contents, Operator
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.packed_file import unpack_file

_OTHER_EXPORTS: Final[Sequence[tuple[Callable[[Operator], bool], str]]] = (
    (lambda one: "INT4" in one.input_dtypes or "INT2" in one.input_dtypes, "export int8"),
    (lambda one: "INT16" in one.input_dtypes, "export int8"),
    (lambda one: {"FLOAT32", "INT8"} <= set(one.input_dtypes), "export int8 or float32"),
    (lambda one: "FLOAT16" in one.input_dtypes, "export int8 or float32"),
)
"""What an operator of a newer version reads, and the exports whose operators are older."""
_MOST_NAMED: Final = 3


@dataclass(frozen=True)
class Lack:
    """An operator of a file in a version that a release lacks; `highest` is the highest it has, None where it has none.
    `types` are those of the inputs where the version is there, and they are what is refused."""

    operator: str
    version: int
    highest: int | None
    types: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.types:
            return f"{self.operator} version {self.version}, which it refuses for the types {', '.join(self.types)}"
        has = "it does not have at all" if self.highest is None else f"of which it has up to version {self.highest}"
        return f"{self.operator} version {self.version}, {has}"


@dataclass(frozen=True)
class Foretold:
    """What is known of a file on a release. `custom` are operators that are none of the schema's, of which no table tells;
    `loading` is None where the release is not installed here; `broken`: it ran no file at all when it was asked."""

    release: Release
    lacks: tuple[Lack, ...]
    custom: tuple[str, ...]
    advice: str
    loading: Loading | None = None
    broken: bool = False

    @property
    def runs(self) -> bool:
        """As the runtime itself says where it could be asked, else as the table does."""
        return self.loading.fine if self.loading is not None else self.fits

    @property
    def fits(self) -> bool:
        """By the table alone."""
        return not self.lacks and not self.broken

    @property
    def agrees(self) -> bool:
        """Whether table and runtime say the same, as far as the table speaks of the file."""
        return self.loading is None or bool(self.custom) or self.loading.fine == self.fits

    @property
    def why_not(self) -> str:
        """What is missing and what to change, in a sentence without its end; "" for one that runs."""
        if self.runs:
            return ""
        named = "; ".join(map(str, self.lacks[:_MOST_NAMED]))
        more = f" and {len(self.lacks) - _MOST_NAMED} more" if len(self.lacks) > _MOST_NAMED else ""
        failed = f"loading it there fails: {self.loading.why_not}" if self.loading is not None else ""
        failed = failed or ("its packages run no file at all" if self.broken else "")
        said = f"it needs {named}{more}" if self.lacks else failed
        return f"{said}; {self.advice}" if self.advice else said

    def as_json(self) -> JsonObject:
        return {
            "runtime": self.release.runtime,
            "version": self.release.version,
            "known_by": self.release.known_by,
            "runs": self.runs,
            "lacks": [
                {"operator": one.operator, "version": one.version, "highest": one.highest, "types": list(one.types)}
                for one in self.lacks
            ],
            "custom_operators": list(self.custom),
            "loading": self.loading.as_json() if self.loading is not None else None,
            "why_not": self.why_not,
            "note": self.release.note,
        }


def foretell(contents: Contents, release: Release) -> Foretold:
    """By the table alone. An interpreter looks for every operator that a file declares, of use or not."""
    lacks = _list_lacks(contents, release.runtime, release.known_by)
    custom = tuple(dict.fromkeys(code.name for code in contents.codes if code.custom))
    broken = is_broken(release.runtime, release.known_by)
    advice = _advise(contents, lacks) if lacks or broken else ""
    return Foretold(release, lacks, custom, advice, broken=broken)


def foretell_and_load(flat: bytes, contents: Contents, asked: Iterable[Asked]) -> tuple[Foretold, ...]:
    """By the table, and by each runtime that is installed here in that version, where the file is loaded and run once.

    Raises InputError for a release that there never was.
    """
    found = []
    for release in map(find_release, asked):
        told = foretell(contents, release)
        loading = try_loading(flat, release)
        advice = told.advice or ("" if loading is None or loading.fine else "use another runtime, or another export")
        found.append(replace(told, advice=advice, loading=loading))
    return tuple(found)


def check_runs(found: Iterable[Foretold], where: str) -> None:
    """Raises OperatorError with the first that won't run; `where` names the file."""
    for one in found:
        if not one.runs:
            note = f" ({one.release.note})" if one.release.note else ""
            raise OperatorError(f"{where}: won't run on {one.release}{note}: {one.why_not}")


def check_files(files: Iterable[Path], said: str) -> None:
    """Before files are measured on a runtime that was named: raises OperatorError by the table alone, InputError for a release
    that there never was. A file that can't be read is left to the runtime, which says more."""
    asked = parse_asked(said)
    if asked.name == AUTO:
        return
    release = find_release(asked)
    for file in files:
        try:
            contents = read(unpack_file(file), str(file))
        except TfliteError:
            continue
        check_runs([foretell(contents, release)], str(file))


def _list_lacks(contents: Contents, runtime: str, release: str) -> tuple[Lack, ...]:
    """Operators that are not there in their version, then those whose types are refused; each once."""
    there, refused = read_operators(runtime, release), read_refused(runtime, release)
    codes = [code for code in contents.codes if not code.custom and not _has(there.get(code.name), code.version)]
    missing = [Lack(code.name, code.version, there[code.name][1] if code.name in there else None) for code in codes]
    typed = [one for one in list_typed(contents.operators) if one in refused and _has(there.get(one[0]), one[1])]
    return tuple(dict.fromkeys([*missing, *(Lack(one[0], one[1], there[one[0]][1], one[2]) for one in typed)]))


def _has(span: tuple[int, int] | None, version: int) -> bool:
    return span is not None and span[0] <= version <= span[1]


def _advise(contents: Contents, lacks: Sequence[Lack]) -> str:
    """Another export where what an operator reads asks for what is lacking, and the first releases that have all."""
    wanted = {(one.operator, one.version) for one in lacks}
    operators = [one for one in contents.operators if (one.name, one.version) in wanted]
    exports = next((words for fits, words in _OTHER_EXPORTS if any(map(fits, operators))), "")
    newer = [
        f"{name} {release} or newer" for name in KNOWN if name in ON_DEVICES and (release := _first(name, contents))
    ]
    layers = "" if exports or not lacks else "make the model of other layers"
    takes = f"take {' or '.join(newer)}" if newer else ""
    return ", or ".join(filter(None, (exports or layers, takes)))


def _first(runtime: str, contents: Contents) -> str:
    """The release from which on every one has what the file needs; "" where the newest lacks something."""
    found = ""
    for version in reversed(list_releases(runtime)):
        if _list_lacks(contents, runtime, version) or is_broken(runtime, version):
            break
        found = version
    return found
