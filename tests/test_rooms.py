"""Who may import whom: a literal table, held against every import of every module, lazy and type-checking ones too."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.house.counting import entries
from benchmarks.house.reading import House

MAY = {
    "errors": "",
    "backend": "errors",
    "keras_types": "ground",
    "ground": "errors backend runner",
    "data": "errors backend keras_types ground runner",
    "models": "errors backend keras_types ground runner data",
    "tflite": "errors backend ground runner data",
    "tasks": "errors backend keras_types ground runner data models tflite",
    "stages": "errors backend keras_types ground data models tasks",
    "measure": "errors ground runner data tasks tflite",
    "pipeline": "errors backend keras_types ground runner data models tasks stages tflite measure",
    "devices": "errors ground runner measure",
    "api": "errors backend ground runner data models tasks stages tflite measure pipeline devices",
    "cli": "errors ground runner data models tasks stages tflite measure pipeline devices api",
}
"""Of each room, the others that its modules may import; `runner` is the package on the device, which imports none of them."""

FRONT = "errors data stages pipeline api"
"""Of the package itself: what it fetches its public names from, when they are asked for."""

WITHIN = {
    "ground/processes": "ground",
    "ground": "",
    "data/keeping": "data",
    "data/augmentation": "data/corruptions",
    "data/corruptions": "",
    "data/sources/files": "data",
    "data/sources/arrays": "data data/sources/files",
    "data/sources/records": "data data/sources/files",
    "data/sources/objects": "data data/keeping data/sources/files data/sources/arrays data/sources/records",
    "data": "data/augmentation",
    "data/sources": "data data/keeping data/sources/files data/sources/arrays data/sources/records data/sources/objects",
    "models/layers": "",
    "models/layers/openings": "models/layers",
    "models/saved": "models/layers",
    "models/keras2": "models/layers models/saved",
    "models/importer": "models/layers models/layers/openings models/graph models/saved models/keras2",
    "models/graph": "models/layers",
    "models/classical": "",
    "models/zoo": "models/classical models/saved models/zoo/nets",
    "models/zoo/nets": "",
    "tflite/rewrite": "tflite",
    "tflite/layers": "tflite",
    "tasks": "",
    "tasks/kinds": "tasks",
    "stages/repair": "stages",
    "stages/shrink": "stages",
    "stages/distil": "stages",
    "measure/runtimes": "",
    "measure/runs_on": "measure/runtimes",
    "measure": "measure/runtimes measure/runs_on",
    "measure/cost": "measure measure/runtimes",
    "measure/qemu": "measure/runtimes",
    "measure/cycles": "measure/cost measure/qemu measure/runtimes",
    "measure/profile": "measure measure/runtimes",
    "measure/verify": "measure/runtimes measure/verify/causes",
    "measure/verify/causes": "",
    "measure/findings": "measure measure/cost measure/profile measure/verify",
    "pipeline/calibration": "",
    "pipeline/classical": "pipeline",
    "pipeline/converters": "pipeline/calibration",
    "pipeline/mixing": "",
    "pipeline/ensembles": "pipeline pipeline/checks",
    "pipeline/export": "pipeline/calibration pipeline/converters pipeline/mixing",
    "pipeline/augmenting": "",
    "pipeline/checks": "",
    "pipeline/confidence": "pipeline/gates",
    "pipeline/gates": "",
    "pipeline/mixing/choice": "pipeline/checks pipeline/converters pipeline/export pipeline/mixing",
    "pipeline/sensitivity": "pipeline pipeline/checks pipeline/export",
    "pipeline": "pipeline/augmenting pipeline/calibration pipeline/checks pipeline/confidence pipeline/converters "
    "pipeline/export pipeline/gates pipeline/mixing pipeline/mixing/choice",
    "pipeline/training": "pipeline",
    "pipeline/advise": "pipeline pipeline/checks pipeline/export",
    "pipeline/search": "pipeline pipeline/advise pipeline/export pipeline/gates pipeline/search/points",
    "pipeline/search/points": "pipeline pipeline/advise pipeline/export pipeline/gates",
    "devices/agent": "",
    "devices/ssh": "",
    "devices": "devices/ssh",
    "api/render": "",
    "api/render/page": "",
    "api/gates": "",
    "api/report/sections": "api/render/page",
    "api/training": "",
    "api/report": "api/render/page api/report/sections",
    "api": "api/render api/render/evidence api/render/page api/gates api/report api/training",
    "api/compare": "api api/render api/render/page api/gates",
    "api/demo": "api api/render",
    "api/search": "api api/render",
    "api/zoo": "api api/render/page api/zoo/shown",
    "api/zoo/shown": "api/render/page",
    "api/evidence": "api api/render/evidence api/render/page api/report",
    "api/render/evidence": "api/render",
    "cli": "cli/options cli/evidence",
    "cli/evidence": "cli/options",
    "cli/options": "",
}
"""Of each folder of a room, the other folders of that room that its modules may import."""

MODULES = {"errors", "backend", "keras_types"}
"""Rooms that are one module, not a folder."""

MOST_FILES, MOST_ENTRIES = 12, 17


HOUSE = House(Path(__file__).parents[1])


def test_rooms_import_what_the_table_says() -> None:
    assert {HOUSE.room(name) for name in HOUSE.modules} - {"", "runner"} == set(MAY)
    assert HOUSE.wrong_rooms({**MAY, "": FRONT}) == []


def test_folders_of_a_room_import_what_the_table_says() -> None:
    own = {HOUSE.folder(name) for name in HOUSE.modules if HOUSE.room(name) not in ("runner", "", *MODULES)}
    assert {name for name in own if "/" in name} <= set(WITHIN) <= own
    assert HOUSE.wrong_folders(WITHIN) == []


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
    assert HOUSE.circles() == []


def test_the_runner_imports_nothing_of_the_toolkit() -> None:
    assert [one for one, other in HOUSE.pairs() if HOUSE.room(one) == "runner" != HOUSE.room(other)] == []


@pytest.mark.parametrize("name", sorted({"", *WITHIN, *MAY} - MODULES))
def test_no_folder_is_too_full(name: str) -> None:
    files, folders = entries(HOUSE.toolkit / name)
    assert files <= MOST_FILES
    if not name:
        assert files + folders <= MOST_ENTRIES


def test_a_kept_stage_depends_on_the_code_of_every_room() -> None:
    from edgedigits.pipeline.stage_cache import list_sources

    assert {path for path in HOUSE.modules.values() if HOUSE.toolkit in path.parents} == set(list_sources())
