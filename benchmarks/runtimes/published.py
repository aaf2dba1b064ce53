"""Which versions of a package there are, and for which Pythons: asked of pip, by each Python that is here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from benchmarks.peers.environments import PeerError, run
from edgedigits.measure.runtimes.environments import find_pythons
from edgedigits.measure.runtimes.pins import count_up


def list_pythons() -> dict[str, Path]:
    """By version, as "3.11", oldest first, those that run here."""
    found = ((f"3.{minor}", next(find_pythons((3, minor)), None)) for minor in range(7, 20))
    return {name: path for name, path in found if path is not None}


def list_versions(package: str, pythons: dict[str, Path]) -> dict[str, list[str]]:
    """Releases, oldest first, each with the Pythons that there are packages for."""
    found: dict[str, list[str]] = {}
    for name, python in pythons.items():
        try:
            said = run([str(python), "-m", "pip", "--disable-pip-version-check", "index", "versions", package])
        except PeerError:  # that Python has none
            continue
        listed = re.search(r"^Available versions: (.*)$", said, re.MULTILINE)
        for version in listed[1].split(", ") if listed else ():
            if re.fullmatch(r"\d+(\.\d+)+", version):
                found.setdefault(version, []).append(name)
    return {version: found[version] for version in in_order(found)}


def in_order(versions: Iterable[str]) -> list[str]:
    """Oldest first."""
    return sorted(versions, key=count_up)


def list_newest(versions: Iterable[str], least: tuple[int, int]) -> list[str]:
    """The newest of each series of two numbers, from `least` on."""
    last = {count_up(version)[:2]: version for version in in_order(versions)}
    return [version for series, version in last.items() if series >= least]
