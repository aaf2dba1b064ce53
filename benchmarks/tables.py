"""Write the tables of the README and of docs/ between their markers: from the JSON under `results/`, the recipes and the code.

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
from functools import cache
from typing import Any

from benchmarks import layers_table
from benchmarks.adapt.table import adapt_table
from benchmarks.converters_table import converters_table
from benchmarks.cycles_table import cycles_table
from benchmarks.evidence.gates_table import gates_table
from benchmarks.evidence.precision.table import int4_table, mixed_table
from benchmarks.evidence.repair_table import repair_table
from benchmarks.evidence.runtimes_table import exports_table, operators_table
from benchmarks.evidence.sensitivity_table import sensitivity_table
from benchmarks.evidence.verify_table import verify_table
from benchmarks.house.rooms_table import folders_table, rooms_table
from benchmarks.pages import ROOT, pages, read
from benchmarks.pays_table import boards_table, pays_table
from benchmarks.peers.table import peers_short, peers_table
from benchmarks.published_table import published_table
from benchmarks.pythons.table import pythons_table
from benchmarks.zoo import nets_table
from benchmarks.zoo.compared_table import compared_table
from benchmarks.zoo.corruptions_table import corruptions_table
from benchmarks.zoo_table import zoo_table
from edgedigits.errors import DeviceError
from edgedigits.measure.runtimes.device_facts import DeviceFacts
from edgedigits.measure.runtimes.wheels import choose

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
    sure = "no round was valid" if speed["low"] is None else f"95 % interval {speed['low']:.2f} to {speed['high']:.2f}"
    paired = bench["comparison"]["paired"]
    lines += [
        "",
        f"{test['images']:,} test images, one thread, {document['machine']['cpu']}. Against float: {speed['value']:.2f}x faster "
        f"({sure}); {paired['difference_points']:+.2f} points "
        f"({test['only_float_right']} images only float got right, {test['only_compressed_right']} only int8, "
        f"McNemar p = {paired['mcnemar_p']:.2f}).",
        "",
        targets_table(document),
    ]
    return "\n".join(lines)


def recipes_table() -> str:
    """The shipped recipes, their steps, and what each is for."""
    from edgedigits.pipeline.recipe import list_shipped, load_recipe

    lines = ["| recipe | images | steps | for |", "|---|---|---|---|"]
    for recipe in sorted(map(load_recipe, list_shipped()), key=lambda one: (one.images, one.name)):
        lines.append(f"| `{recipe.name}` | {recipe.images or 'any'} | {recipe.steps} | {recipe.purpose} |")
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
        facts = DeviceFacts("linux", python, libc="glibc", libc_version=glibc, numpy=numpy)
        cells = " | ".join(_runtimes(replace(facts, machine=machine)) for machine in ARCHITECTURES)
        lines.append(f"| {name} | {python[0]}.{python[1]} | {cells} |")
    return "\n".join(lines)


def _runtimes(facts: DeviceFacts) -> str:
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


MARKED = re.compile(r"^<!-- (?P<name>[\w-]+) -->\n(?P<table>.*?)^<!-- /(?P=name) -->$", re.MULTILINE | re.DOTALL)


@cache
def tables() -> dict[str, str]:
    """Every table that can be made, by the name in its markers."""
    found = {
        "recipes": recipes_table(),
        "releases": releases_table(),
        "rooms": rooms_table(),
        "folders": folders_table(),
        "compared": compared_table(),
        "compared-short": compared_table(short=True),
        "layers": layers_table.layers_table(),
        "operations": layers_table.operations_table(),
        "reasons": layers_table.reasons_list(),
        "left-out": layers_table.left_out_list(),
        "nets": nets_table.nets_table(),
        "refused": layers_table.refused_table(),
    }
    for name, file, table in _FROM_RESULTS:
        result = ROOT / "benchmarks" / "results" / file
        if result.is_file():
            found[name] = table(json.loads(result.read_text()))
    return found


def filled(text: str) -> str:
    """A page with every table that can be made put between its markers, and an empty line on both sides of it."""

    def whole(found: re.Match[str]) -> str:
        name, old = found["name"], found["table"]
        table = f"\n{tables()[name]}\n\n" if name in tables() else old
        return f"<!-- {name} -->\n{table}<!-- /{name} -->"

    return MARKED.sub(whole, text)


_FROM_RESULTS: tuple[tuple[str, str, Callable[[dict[str, Any]], str]], ...] = (
    ("results", "main_job.json", results_table),
    ("systems", "systems.json", systems_table),
    ("device", "device.json", targets_table),
    ("peers", "peers.json", peers_table),
    ("peers-short", "peers.json", peers_short),
    ("pays", "pays.json", pays_table),
    ("boards", "pays.json", boards_table),
    ("pays-targets", "pays.json", targets_table),
    ("advice", "advice.json", targets_table),
    ("cycles", "cycles.json", cycles_table),
    ("published", "cycles.json", published_table),
    ("published-targets", "cycles.json", lambda whole: targets_table(whole.get("published", {"targets": []}))),
    ("pythons", "pythons.json", pythons_table),
    ("converters", "converters.json", converters_table),
    ("converters-targets", "converters.json", targets_table),
    ("zoo", "keras3.json", zoo_table),
    ("zoo-layers", "zoo.json", nets_table.layers_table),
    ("zoo-targets", "zoo.json", targets_table),
    ("corruptions", "zoo.json", corruptions_table),
    ("adapt", "adapt.json", adapt_table),
    ("adapt-targets", "adapt.json", targets_table),
    ("evidence", "evidence.json", verify_table),
    ("evidence-targets", "evidence.json", targets_table),
    ("gates", "evidence.json", gates_table),
    ("int4", "evidence.json", int4_table),
    ("mixed", "evidence.json", mixed_table),
    ("repair", "evidence.json", repair_table),
    ("sensitivity", "evidence.json", sensitivity_table),
    ("runtime-operators", "evidence.json", operators_table),
    ("runtime-exports", "evidence.json", exports_table),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    changed = {page: text for page in pages() if (text := filled(read(page))) != read(page)}
    if check:
        sys.exit(int(bool(changed)))
    for page, text in changed.items():
        page.write_text(text, encoding="utf-8")
        print(page.relative_to(ROOT))


if __name__ == "__main__":
    main()
