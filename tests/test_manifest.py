"""The manifest of an artifact: host and runner read it alike, and refuse what was altered or cut in one sentence."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from edgedigits_runner import kept
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.kept import sealed
from edgedigits_runner.release import read_release

import edgedigits as ed
from edgedigits.errors import ArtifactError
from edgedigits.ground import artifact_folder
from edgedigits.measure.bench_job import BenchWish, make_task
from edgedigits.tflite.rewrite.before_and_after import inspect
from tests.tiny_artifact import tiny_artifact

WHOLE: dict[str, Any] = {
    "schema": 2,
    "recipe": {"name": "tiny_int8", "for": "", "stages": [{"qat": {}}], "export": {"int8": {}}},
    "seed": 0,
    "stages": [{"stage": "load", "seconds": 0.0}],
    "export": {"export": "int8", "seconds": 0.1, "size_bytes": 5},
    "float": {"export": "float32", "size_bytes": 9},
    "test": {"images": 20, "accuracy": 0.5, "float_accuracy": 1.0},
    "warnings": [],
    "key": "0" * 64,
    "versions": {"python": "3.11"},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_artifact(tmp_path_factory.mktemp("made") / "a")


@pytest.fixture
def folder(made: Path, request: pytest.FixtureRequest) -> Any:
    """The artifact, of schema 2; what a test does to its manifest is undone."""
    path = made / "manifest.json"
    before = path.read_bytes()
    write(made, sealed(json.loads(before) | WHOLE))
    yield made
    path.unlink()
    path.write_bytes(before)


def write(folder: Path, manifest: Any) -> None:
    (folder / "manifest.json").write_text(manifest if isinstance(manifest, str) else json.dumps(manifest))


def manifest(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "manifest.json").read_text()))


def refusals(folder: Path) -> list[str]:
    """What every reader of an artifact says of it."""
    said = []
    for read in (
        lambda: artifact_folder.read(folder),
        lambda: inspect(folder, slim=False),
        lambda: make_task(BenchWish(tflite=folder), folder),
    ):
        with pytest.raises(ArtifactError) as caught:
            read()
        said.append(str(caught.value))
    with pytest.raises(RunnerError) as refused:
        read_release(str(folder))
    said.append(refused.value.message)
    assert all("\n" not in sentence and len(sentence) < 600 for sentence in said)
    return said


def test_inspect_says_what_is_known_of_the_input(folder: Path, tmp_path: Path) -> None:
    note = "its first layer, scaled, scales pixels, so that it takes them as 0..255"
    whole = manifest(folder)
    first, *others = whole["stages"]
    assert "input_notes" not in ed.inspect(folder).as_json()
    write(folder, sealed({**whole, "stages": [{**first, "adapted": [note, 7]}, *others]}))
    for path in (folder, folder / "model.tflite"):
        assert ed.inspect(path).as_json()["input_notes"] == [note]
        assert note in " ".join(str(ed.inspect(path)).split())
    (tmp_path / "alone.tflite").write_bytes((folder / "model.tflite").read_bytes())
    assert "input_notes" not in ed.inspect(tmp_path / "alone.tflite").as_json()


def test_both_schemas_are_read(made: Path, folder: Path) -> None:
    assert artifact_folder.read(folder).manifest["schema"] == 2
    assert str(read_release(str(folder)).scale) == "0..1"
    first = manifest(folder) | {"schema": 1}
    del first["sha256"]
    write(folder, first)
    assert artifact_folder.read(made).manifest["schema"] == 1
    assert read_release(str(made)).name == "tiny_int8"


@pytest.mark.parametrize(
    "where", ["input.scale", "data.classes", "export.export", "recipe.name", "test.accuracy", "new"]
)
def test_whatever_is_changed_is_seen(folder: Path, where: str) -> None:
    changed = manifest(folder)
    *path, key = where.split(".")
    inside = changed
    for name in path:
        inside = inside[name]
    others: dict[str, Any] = {"scale": "-1..1", "classes": inside.get("classes", [])[::-1], "accuracy": 0.75}
    inside[key] = others.get(key, "other")
    write(folder, changed)
    assert all("altered since it was written (SHA-256)" in sentence for sentence in refusals(folder))
    write(folder, json.dumps(sealed(changed), sort_keys=True, indent=3))
    assert artifact_folder.read(folder).manifest == sealed(changed), "the hash is of what it says, not of how"


def test_a_newer_manifest_without_its_hash_is_no_way_around_it(folder: Path) -> None:
    changed = manifest(folder)
    del changed["sha256"]
    write(folder, changed)
    assert all("sha256 is missing" in sentence for sentence in refusals(folder))


ODD: list[Any] = [None, 3, -1, 1e999, "", "\x1b[31m", "../x", [], [3], {}, {"a": 1}, True, 10**400]

FINE: dict[str, tuple[Any, ...]] = {
    "recipe.name": ("../x",),
    "export.export": ("../x",),
    "data.classes": ([],),
    "files": ({},),
    "schema": (3,),
    "seed": (3, 10**400),
    "warnings": ([],),
    "stages": ([],),
}


@pytest.mark.parametrize("schema", [1, 2])
def test_no_value_of_another_kind_gets_through_or_ends_otherwise_than_in_a_sentence(folder: Path, schema: int) -> None:
    """Every key that a reader relies on is taken away, and given a value of every other kind."""
    whole = manifest(folder) | {"schema": schema}
    needed = [
        "recipe",
        "recipe.name",
        "export",
        "export.export",
        "data",
        "data.classes",
        "input",
        "input.shape",
        "input.scale",
    ]
    needed += ["files", "schema"]
    for where in needed + (["seed", "stages", "float", "test", "key", "warnings", "model"] if schema == 2 else []):
        *path, key = where.split(".")
        for value in ["away", *ODD]:
            changed = copy.deepcopy(whole)
            inside = changed
            for name in path:
                inside = inside[name]
            inside.pop(key)
            if value != "away":
                inside[key] = value
            if value in FINE.get(where, ()):
                continue
            write(folder, sealed(changed))
            with pytest.raises(RunnerError) as refused:
                read_release(str(folder))
            assert "\n" not in refused.value.message
            with pytest.raises(ArtifactError):
                artifact_folder.read(folder)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a readable JSON file"),
        ("[]", "not of schema 1, 2 or 3"),
        ('{"schema": [1]}', "not of schema 1, 2 or 3"),
        ('{"schema": true}', "not of schema 1, 2 or 3"),
        ('{"a": ' * 100_000, "nested too deep"),
        ('{"schema": 1, "a": ' + "[" * 80 + "]" * 80 + "}", "nested too deep"),
        ('{"schema": 1, "schema": 1}', "a key is written twice"),
        ('{"schema": 1, "name": "\\ud800"}', "not a readable JSON file"),
        ('{"schema": ' + "1" * 5000 + "}", "not a readable JSON file"),
        ("\x00", "not a readable JSON file"),
        (" " * (2**24 + 1), "larger than"),
    ],
)
def test_what_is_no_manifest_is_refused(folder: Path, text: str, says: str) -> None:
    write(folder, text)
    assert all(says in sentence for sentence in refusals(folder))


def test_only_a_regular_file_is_read(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    os.mkfifo(folder / "manifest.json")
    with pytest.raises(ArtifactError, match="no regular file"):
        artifact_folder.read(folder)


def test_shapes_name_the_place() -> None:
    shape = {"a": [{"b": kept.is_whole}], "c?": kept.is_line}
    assert kept.fault({"a": [{"b": 1}], "more": None}, shape) == ""
    assert kept.fault({"a": [{"b": 1}, {"b": -1}]}, shape) == "a[1].b: found -1"
    assert kept.fault({"a": [{}]}, shape) == "a[0].b is missing"
    assert kept.fault({"a": {}}, shape) == "a: no list"
    assert kept.fault({"a": [], "c": "\u202e"}, shape) == "c: found '\\u202e'"
    assert kept.fault([], shape) == "the whole: no object"
