"""Who may import whom: a literal table, held against every import of every module, lazy and type-checking ones too."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RUNNER = "edgedigits_runner"

MAY = {
    "errors": "",
    "backend": "",
    "ground": "errors backend runner",
    "data": "errors backend ground runner",
    "models": "errors backend ground runner data",
    "tflite": "errors backend ground runner data",
    "tasks": "errors backend ground runner data models tflite",
    "stages": "errors backend ground data models tasks",
    "measure": "errors ground runner data tasks tflite",
    "pipeline": "errors backend ground runner data models tasks stages tflite measure",
    "devices": "errors ground runner measure",
    "cli": "errors ground runner data models tasks stages tflite measure pipeline devices",
}
"""Of each room, the others that its modules may import; `runner` is the package on the device, which imports none of them."""

WITHIN = {
    "ground/processes": "",
    "ground": "",
    "data/sources": "data",
    "models/layers": "",
    "models/importer": "models/layers",
    "models/graph": "models/layers",
    "models/zoo": "",
    "tflite/rewrite": "tflite",
    "stages/shrink": "stages",
    "stages/distil": "stages",
    "measure/runtimes": "",
    "measure": "measure/runtimes",
    "measure/cost": "measure measure/runtimes",
    "measure/qemu": "measure/runtimes",
    "pipeline/export": "",
    "pipeline/checks": "",
    "pipeline": "pipeline/checks pipeline/export",
    "pipeline/advise": "pipeline pipeline/checks pipeline/export",
    "devices/agent": "",
    "devices/ssh": "",
    "devices": "devices/ssh",
    "cli/render": "",
    "cli": "cli/render",
}
"""Of each folder of a room, the other folders of that room that its modules may import."""

MOST_FILES, MOST_ENTRIES = 12, 17


@cache
def modules() -> dict[str, Path]:
    """Dotted name to file, of the toolkit and of the runner."""
    found = {}
    for base in (ROOT / "edgedigits", ROOT / "device" / RUNNER):
        for path in base.rglob("*.py"):
            parts = path.relative_to(base.parent).with_suffix("").parts
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


@cache
def imports() -> dict[str, frozenset[str]]:
    """Module to those that it imports, at whatever depth the line stands."""
    return {name: frozenset(_imported(path)) for name, path in modules().items()}


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name in modules())
        elif isinstance(node, ast.ImportFrom) and node.module:
            for one in node.names:
                whole = f"{node.module}.{one.name}"
                found = whole if whole in modules() else node.module
                if found in modules():
                    yield found


def room(module: str) -> str:
    top, _, rest = module.partition(".")
    return "runner" if top == RUNNER else rest.partition(".")[0]


def folder(module: str) -> str:
    """Below `edgedigits`: "models/graph"."""
    return modules()[module].relative_to(ROOT / "edgedigits").parent.as_posix()


def pairs() -> Iterator[tuple[str, str]]:
    return ((one, other) for one, others in imports().items() for other in others if room(other))


def test_rooms_import_what_the_table_says() -> None:
    assert {room(name) for name in modules()} - {"", "runner"} == set(MAY)
    wrong = [
        f"{one} imports {other}"
        for one, other in pairs()
        if room(one) != room(other) and room(other) not in MAY.get(room(one), "").split()
    ]
    assert wrong == []


def test_folders_of_a_room_import_what_the_table_says() -> None:
    own = {folder(name) for name in modules() if room(name) not in ("runner", "", "errors", "backend")}
    assert {name for name in own if "/" in name} <= set(WITHIN) <= own
    wrong = [
        f"{one} imports {other}"
        for one, other in pairs()
        if room(one) == room(other) != "runner"
        and folder(one) != folder(other)
        and folder(other) not in WITHIN.get(folder(one), "").split()
    ]
    assert wrong == []


def test_the_tables_themselves_have_no_way_back_up() -> None:
    for table in (MAY, WITHIN):
        order: list[str] = []
        while len(order) < len(table):
            free = [
                name
                for name in table
                if name not in order and all(o in order for o in table[name].split() if o in table)
            ]
            assert free, sorted(set(table) - set(order))
            order += free


def test_there_are_no_circles() -> None:
    waiting = {name: set(others) - {name} for name, others in imports().items()}
    users: dict[str, list[str]] = defaultdict(list)
    for name, others in waiting.items():
        for other in others:
            users[other].append(name)
    ready = [name for name, others in waiting.items() if not others]
    while ready:
        done = ready.pop()
        for user in users[done]:
            waiting[user].discard(done)
            if not waiting[user]:
                ready.append(user)
        waiting.pop(done)
    assert waiting == {}


def test_the_runner_imports_nothing_of_the_toolkit() -> None:
    assert [one for one, other in pairs() if room(one) == "runner" != room(other)] == []


@pytest.mark.parametrize("name", sorted({"", *WITHIN, *MAY} - {"errors", "backend"}))
def test_no_folder_is_too_full(name: str) -> None:
    entries = [item for item in (ROOT / "edgedigits" / name).iterdir() if item.name != "__pycache__"]
    files = [item for item in entries if item.is_file()]
    assert len(files) <= MOST_FILES
    if not name:
        assert len(entries) <= MOST_ENTRIES


def test_a_kept_stage_depends_on_the_code_of_every_room() -> None:
    from edgedigits.pipeline.stage_cache import sources

    assert {path for path in modules().values() if ROOT / "edgedigits" in path.parents} == set(sources())
