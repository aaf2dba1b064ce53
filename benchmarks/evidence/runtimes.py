"""Whether the table of operators foretells what runs where: each export of two nets, foretold and loaded, on each runtime."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from edgedigits_runner.runtimes import KNOWN

from benchmarks.document import target
from benchmarks.evidence.runtime_nets import export_all
from benchmarks.peers.environments import PeerError
from benchmarks.runtimes.asking import installed
from benchmarks.runtimes.published import list_pythons
from edgedigits.measure.runs_on.foretelling import Foretold, foretell
from edgedigits.measure.runs_on.loading import load_with
from edgedigits.measure.runtimes.asked import Asked
from edgedigits.measure.runtimes.operator_versions import find_installed, find_release, list_releases
from edgedigits.measure.runtimes.operator_versions import list_pythons as list_packaged
from edgedigits.tflite.flatbuffer import read

Found = tuple[list[dict[str, Any]], dict[str, Any]]
Files = Mapping[tuple[str, str], bytes]
TOO_LARGE: Final = ("tensorflow",)
"""Only what is installed already is loaded of these."""


def measure() -> Found:
    """(targets, raw): a row for each runtime that can be had here, net and export."""
    files, rows = export_all(), list[dict[str, Any]]()
    for runtime, version in _list_all():
        rows += try_release(runtime, version, files)
    right = sum(row["foretold"] == row["loaded"] for row in rows)
    refused = sum(not row["loaded"] for row in rows)
    name = "runtimes: foretold as really loaded"
    met = bool(rows) and right == len(rows) and 0 < refused < len(rows)
    targets = [target(name, f"= {len(rows)}", right, f"of {len(rows)}, {refused} of them refused", met)]
    operators = {
        f"{net} {export}": [[code.name, code.version] for code in read(flat, export).codes]
        for (net, export), flat in files.items()
    }
    return targets, {"rows": rows, "operators": operators}


def try_release(runtime: str, version: str, files: Files) -> Iterator[dict[str, Any]]:
    """A row for each file; none where the release can't be had here."""
    print(f"{runtime} {version}", file=sys.stderr, flush=True)
    asked, pythons = Asked(runtime, version), list_pythons()
    if version == find_installed(runtime):
        yield from _rows(asked, Path(sys.executable), files)
        return
    fitting = [pythons[name] for name in (f"{one[0]}.{one[1]}" for one in list_packaged(asked)) if name in pythons]
    if not fitting:
        return
    try:
        with installed(runtime, version, fitting[0], _say) as python:
            yield from _rows(asked, python, files)
    except PeerError as error:
        _say(f"{asked}: left out: {error}")


def _rows(asked: Asked, python: Path, files: Files) -> Iterator[dict[str, Any]]:
    for (net, export), flat in files.items():
        told = foretell(read(flat, export), find_release(asked))
        loading = load_with(python, KNOWN[asked.name].module, flat)
        yield {
            "runtime": asked.name,
            "version": asked.version,
            "net": net,
            "export": export,
            "foretold": told.fits,
            "loaded": loading.fine,
            "lacks": _word(told),
            "said": loading.why_not.replace(os.fspath(python), "python"),
        }


def _word(told: Foretold) -> list[str]:
    if told.broken:
        return ["runs nothing"]
    return [f"{one.operator} {one.version}{' of ' + ', '.join(one.types) if one.types else ''}" for one in told.lacks]


def _list_all() -> Iterator[tuple[str, str]]:
    for runtime in KNOWN:
        for version in list_releases(runtime):
            if runtime not in TOO_LARGE or version == find_installed(runtime):
                yield runtime, version


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
