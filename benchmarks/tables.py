"""Write the tables of README.md from the JSON under `results/` and from the recipes, between their markers.

    python -m benchmarks.tables [--check]

With --check nothing is written, and the exit code is 1 when a table is not what it should be.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.pays_table import pays_table
from benchmarks.peers.table import peers_table
from edgedigits.errors import DeviceError
from edgedigits.measure.runtimes.device_facts import Facts
from edgedigits.measure.runtimes.wheels import choose

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
_PACKAGES = {"litert": "ai-edge-litert", "tflite-runtime": "tflite-runtime"}


def results_table(document: dict[str, Any]) -> str:
    """The main job against float and against the plain way."""
    bench, peer, test = document["bench"], document["bench_against_plain"], document["summary"]["test"]
    rows = [("float", bench["baseline"]), ("plain tfmot", peer["baseline"]), ("`prune80_int8`", bench["compressed"])]
    lines = ["| | accuracy | raw bytes | gzip bytes | p50 |", "|---|---|---|---|---|"]
    for name, model in rows:
        first = model["latencies"][0]
        accuracy = model["accuracy"]["value"]
        size = f"{model['raw_bytes']:,} | {model['gzip_bytes']:,}"
        lines.append(f"| {name} | {100 * accuracy:.2f} % | {size} | {first['p50_us']:.1f} us |")
    speed = bench["comparison"]["speedups"][0]["ratio"]
    paired = bench["comparison"]["paired"]
    lines += [
        "",
        f"{test['images']:,} test images, one thread, {document['machine']['cpu']}. Against float: {speed['value']:.2f}x faster "
        f"(95 % interval {speed['low']:.2f} to {speed['high']:.2f}); {paired['difference_points']:+.2f} points "
        f"({test['only_float_right']} images only float got right, {test['only_compressed_right']} only int8, "
        f"McNemar p = {paired['mcnemar_p']:.2f}).",
        "",
        targets_table(document),
    ]
    return "\n".join(lines)


def recipes_table() -> str:
    """The shipped recipes, their steps, and what each is for."""
    from edgedigits.pipeline.recipe import load_recipe, shipped

    lines = ["| recipe | steps | for |", "|---|---|---|"]
    for recipe in map(load_recipe, shipped()):
        lines.append(f"| `{recipe.name}` | {recipe.steps} | {recipe.purpose} |")
    return "\n".join(lines)


RELEASES = (  # name, Python, glibc, NumPy of python3-numpy
    ("Raspberry Pi OS bullseye", (3, 9, 2), (2, 31), "1.19.5"),
    ("Raspberry Pi OS bookworm", (3, 11, 2), (2, 36), "1.24.2"),
    ("Raspberry Pi OS trixie", (3, 13, 5), (2, 41), "2.2.4"),
    ("Ubuntu 22.04", (3, 10, 12), (2, 35), "1.21.5"),
    ("Ubuntu 24.04", (3, 12, 3), (2, 39), "1.26.4"),
)
ARCHITECTURES = {"aarch64": "64-bit ARM", "armv7l": "32-bit ARM", "x86_64": "64-bit x86"}


def releases_table() -> str:
    """What a deploy chooses for a system: the answer of the very function that chooses."""
    head = f"| system | Python | {' | '.join(ARCHITECTURES.values())} |"
    lines = [head, "|---|---|" + "---|" * len(ARCHITECTURES)]
    for name, python, glibc, numpy in RELEASES:
        facts = Facts("linux", python, libc="glibc", libc_version=glibc, numpy=numpy)
        cells = " | ".join(_runtimes(replace(facts, machine=machine)) for machine in ARCHITECTURES)
        lines.append(f"| {name} | {python[0]}.{python[1]} | {cells} |")
    return "\n".join(lines)


def _runtimes(facts: Facts) -> str:
    """The runtimes that fit, with their versions."""
    found = []
    for runtime in ("litert", "tflite-runtime"):
        try:
            versions = choose(facts, runtime).versions
        except DeviceError:
            continue
        found.append(f"{runtime} {versions[_PACKAGES[runtime]]}")
    return ", ".join(found) or "none"


def systems_table(document: dict[str, Any]) -> str:
    """What a deploy does on every system it was tried on."""
    lines = ["| system | runtime | packages | outcome |", "|---|---|---|---|"]
    for row in document["rows"]:
        main = [f"{name} {row['packages'][name]}" for name in (*_PACKAGES.values(), "numpy") if name in row["packages"]]
        outcome = f"doctor: {row['verdict']}" if row["verdict"] else f"refused: {row['refused']}"
        lines.append(f"| {row['system']} | {row['runtime']} | {', '.join(main)} | {outcome} |")
    return "\n".join(lines)


def targets_table(document: dict[str, Any]) -> str:
    """What was to be reached, and what was."""
    lines = ["| target | wanted | got | met |", "|---|---|---|---|"]
    for row in document["targets"]:
        met = "yes" if row["met"] else "**no**"
        got = "not measured" if row["got"] is None else f"{row['got']:g} {row['unit']}"
        lines.append(f"| {row['name']} | {row['wanted']} | {got} | {met} |")
    return "\n".join(lines)


def filled(text: str) -> str:
    """README text with every table that can be made put between its markers."""
    tables = {"recipes": recipes_table(), "releases": releases_table()}
    for name, file, made in _FROM_RESULTS:
        result = ROOT / "benchmarks" / "results" / file
        if result.is_file():
            tables[name] = made(json.loads(result.read_text()))
    for name, table in tables.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text = pattern.sub(lambda found, table=table: f"{found[1]}{table}\n{found[2]}", text)  # type: ignore[misc]
    return text


_FROM_RESULTS: tuple[tuple[str, str, Callable[[dict[str, Any]], str]], ...] = (
    ("results", "main_job.json", results_table),
    ("systems", "systems.json", systems_table),
    ("device", "device.json", targets_table),
    ("peers", "peers.json", peers_table),
    ("pays", "pays.json", pays_table),
    ("pays-targets", "pays.json", targets_table),
    ("advice", "advice.json", targets_table),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    text = README.read_text(encoding="utf-8")
    if parser.parse_args().check:
        sys.exit(int(filled(text) != text))
    README.write_text(filled(text), encoding="utf-8")


if __name__ == "__main__":
    main()
