"""Writes edgedigits/measure/runtimes/operator_versions.json: which versions of each operator each runtime has.

    python -m benchmarks.runtimes [--only RUNTIME,...] [--out FILE]

Installs every release that is asked, one after the other, with the newest Python that is here and that there are packages for;
nothing in the file is typed by hand. With --only the other runtimes stay as they were.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from edgedigits_runner.runtimes import KNOWN

from benchmarks.peers.environments import PeerError
from benchmarks.runtimes.asking import INSTALLED, Answer, Versions, ask
from benchmarks.runtimes.corpus import make_fragments
from benchmarks.runtimes.published import list_newest, list_pythons, list_versions
from edgedigits.measure.runtimes.operator_versions import Typed

TARGET = Path(__file__).parents[2] / "edgedigits" / "measure" / "runtimes" / "operator_versions.json"
SERIES: Final[Mapping[str, Callable[[Sequence[str]], Sequence[str]]]] = {
    "litert": lambda versions: versions,
    "tflite-runtime": lambda versions: versions,
    "tensorflow": lambda versions: list_newest(versions, (2, 8)),
}
"""Which of the releases are asked. Those of TensorFlow are large, and the interpreter changes between series."""
TYPED: Final = ("litert", "tflite-runtime")
"""Those that also run operators with the types of the exports: what devices get."""


MADE_BY: Final = {
    "schema": 1,
    "made_by": "python -m benchmarks.runtimes",
    "asked": "each release's interpreter for x86-64, with a file that names one operator in one version",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SERIES), help="runtimes, comma between them (%(default)s)")
    parser.add_argument("--out", type=Path, default=TARGET)
    given = parser.parse_args()
    before = json.loads(given.out.read_text())["runtimes"] if given.out.is_file() else {}
    fragments = make_fragments()
    say(f"{len(fragments)} operators with their types")
    now = {name: describe(name, fragments) for name in given.only.split(",")}
    runtimes = {name: {**before, **now}[name] for name in KNOWN if name in {**before, **now}}
    given.out.write_text(to_text({**MADE_BY, "runtimes": runtimes}))
    return 0


def describe(runtime: str, fragments: Mapping[Typed, bytes]) -> dict[str, Any]:
    """Of a runtime its releases with their Pythons, and of each operator the releases at which something changes."""
    pythons = list_pythons()
    published = list_versions(KNOWN[runtime].distribution, pythons)
    installable = list_versions(INSTALLED.get(runtime, KNOWN[runtime].distribution), pythons)
    answers: dict[str, Answer] = {}
    typed = fragments if runtime in TYPED else {}
    for version in SERIES[runtime](list(installable)):
        say(f"{runtime} {version}")
        try:
            answers[version] = ask(runtime, version, pythons[installable[version][-1]], typed, say)
        except PeerError as error:
            say(f"{runtime} {version}: left out: {error}")
    return {
        "asked": list(answers),
        "published": published,
        "broken": [version for version, answer in answers.items() if answer.broken],
        "refused": find_refused(answers),
        "operators": find_changes({version: answer.versions for version, answer in answers.items()}),
    }


def find_refused(answers: Mapping[str, Answer]) -> list[dict[str, Any]]:
    """Each operator with the releases that have it in that version and refuse it for its types."""
    found: dict[Typed, list[str]] = {}
    for release, answer in answers.items():
        for typed in () if answer.broken else answer.refused:
            found.setdefault(typed, []).append(release)
    names = ("operator", "version", "inputs", "outputs")
    return [{**dict(zip(names, one, strict=True)), "releases": found[one]} for one in sorted(found)]


def find_changes(answers: Mapping[str, Versions]) -> dict[str, dict[str, list[int]]]:
    """Operator -> release -> [lowest, highest version] from there on; [] where it is gone again."""
    found: dict[str, dict[str, list[int]]] = {}
    for release, versions in answers.items():
        for name in sorted({*versions, *found}):
            now, changes = list(versions.get(name, ())), found.setdefault(name, {})
            if now != next(reversed(changes.values()), []):
                changes[release] = now
    return dict(sorted(found.items()))


def to_text(document: dict[str, Any]) -> str:
    """JSON with a line for each operator and each release."""
    text = json.dumps(document, indent=1)
    for innermost in (r"\[[^][{}]*\]", r"(?<=: )\{ *\n {5}[^{}]*\}"):
        text = re.sub(innermost, lambda found: " ".join(found[0].split()), text)
    return text + "\n"


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
