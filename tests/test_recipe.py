"""Recipes: the shipped ones are right, wrong ones are refused with place, what was found, and what would do."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.pays_entries import ENTRIES, Entry
from edgedigits.errors import RecipeError
from edgedigits.models.zoo.shipped import find_record_beside, find_shipped_folder
from edgedigits.pipeline.recipe import find, list_shipped, load_recipe, parse

SHIPPED = {
    "float32", "float16", "float16_arithmetic", "dynamic_int8", "ptq_int8", "int16x8", "qat_int8", "prune50", "prune80",
    "prune80_ptq_int8", "prune80_int8", "prune80_cluster16_int8", "distil_nano_int8", "shrink50_int8", "shrink80_int8",
    "shrink80_prune50_int8", "distil_small_int8", "smallest994", "fastest994", "accurate_int8", "mobile_shrink_int8",
    "best32k_int8", "repair_int8", "distil_ensemble_int8",
}  # fmt: skip


def test_the_promised_recipes_are_shipped_and_say_what_they_are_for() -> None:
    assert set(list_shipped()) == SHIPPED
    for name in list_shipped():
        recipe = load_recipe(name)
        assert recipe.name == name
        assert recipe.purpose


def test_recipes_for_digits_alone_stand_apart_and_name_one_for_any_images() -> None:
    digits = [recipe for recipe in map(load_recipe, list_shipped()) if find(recipe.name).parent.name == "digits"]
    special = {"smallest994", "fastest994", "best32k_int8", "accurate_int8", "mobile_shrink_int8"}
    assert {recipe.name for recipe in digits} == special
    for recipe in digits:
        with pytest.raises(
            RecipeError, match=f"recipe {recipe.name}: made for images of .*x1, the model takes 32x32x3; for"
        ):
            recipe.check_images((32, 32, 3))
        assert not load_recipe(recipe.instead).images
        assert parse(recipe.as_dict(), "again", "again").as_dict() == recipe.as_dict()
    load_recipe("shrink80_int8").check_images((32, 32, 3))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_recipe_takes_the_net_that_it_was_measured_on(entry: Entry) -> None:
    record = find_record_beside(find_shipped_folder() / f"{entry.model}.keras")
    assert record is not None
    load_recipe(entry.recipe).check_images(record["input"]["shape"])


def test_the_main_recipe_prunes_then_trains_the_rounding_then_exports_int8() -> None:
    recipe = load_recipe("prune80_int8")
    assert [name for name, _ in recipe.stages] == ["prune", "equalize", "qat"]
    assert recipe.export_name == "int8"
    assert recipe.as_dict()["stages"][0]["prune"]["sparsity"] == 0.8


def test_a_shortened_recipe_takes_the_same_steps_with_less_training() -> None:
    whole = load_recipe("shrink80_int8")
    short = whole.shortened(0.2)
    assert (short.name, short.steps, short.export) == ("shrink80_int8_short", whole.steps, whole.export)
    assert short.hash != whole.hash
    for (_, one), (_, other) in zip(short.stages, whole.stages, strict=True):
        changed = {"epochs": 0.2 * other.epochs} if hasattr(other, "epochs") else {}
        changed |= {"epochs_between": 0.2 * other.epochs_between} if hasattr(other, "epochs_between") else {}
        changed |= {"pool": 1} if hasattr(other, "pool") else {}
        assert one == replace(other, **changed)  # type: ignore[type-var]
    assert load_recipe("ptq_int8").shortened(0.5).stages == ()


def prune(**settings: Any) -> dict[str, Any]:
    return {"export": "int8", "stages": [{"prune": settings}]}


def shrink(**settings: Any) -> dict[str, Any]:
    return {"export": "int8", "stages": [{"shrink": settings}]}


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (prune(sparsty=0.8), "x.yaml: stages[0].prune: unknown setting 'sparsty'; nearest: sparsity; choose from"),
        (prune(sparsity=1.8), "x.yaml: stages[0].prune.sparsity: found 1.8; input should be less than 1"),
        (prune(sparsity=-0.1), "found -0.1; input should be greater than or equal to 0"),
        (prune(sparsity=float("nan")), "stages[0].prune.sparsity: found nan"),
        (prune(sparsity="0.8"), "found '0.8'; input should be a valid number"),
        (prune(epochs=0), "stages[0].prune.epochs: found 0"),
        ({**prune(), "images": "28"}, "x.yaml: images: found '28'; wanted height, width and channels, as 28x28x1"),
        ({**prune(), "images": 28}, "x.yaml: images: wanted text, found int '28'"),
        (prune(layers={"conv*": 2}), "stages[0].prune.layers.conv*: found 2"),
        (prune(skip_layers="conv"), "stages[0].prune.skip_layers: found 'conv'; input should be a valid list"),
        (prune(schedule="linear"), "input should be 'polynomial' or 'constant'"),
        (
            {"export": "int8", "stages": ["finetune", {"distil": {"teacher": ["recipe", "stage 2"]}}]},
            "x.yaml: stages[1].distil.teacher: stage 2 does not come before this stage; what does: stage 1",
        ),
        (
            shrink(),
            "x.yaml: stages[0].shrink: wanted exactly one target of remove, remove_parameters, remove_multiply_adds, ",
        ),
        (shrink(), "cycles, latency_ms, latency_us, instructions; found none"),
        (shrink(remove_parameters=0.5, latency_us=9), "found remove_parameters and latency_us"),
        (shrink(remove_parameters=1.0), "shrink.remove_parameters: found 1.0; input should be less than 1"),
        (shrink(instructions=1.5), "shrink.instructions: found 1.5; input should be a valid integer"),
        (
            shrink(remove_parameters=0.5, importance="fisher"),
            "x.yaml: stages[0].shrink.importance: found 'fisher'; input should be 'taylor', 'l1', 'l2' or 'bn'",
        ),
        (
            shrink(remove_parameters=0.5, multiple=0),
            "shrink.multiple: found 0; input should be greater than or equal to 1",
        ),
        ({"export": "int8", "stages": [{"qta": None}]}, "stages[0]: unknown stage 'qta'; nearest: qat"),
        ({"export": "int9"}, "export: unknown export 'int9'; nearest: int8"),
        ({"export": {"int8": {"input": "int7"}}}, "export.int8.input: found 'int7'; input should be 'int8' or 'uint8'"),
        ({"exprt": "int8"}, "unknown key 'exprt'; nearest: export"),
        ({"stages": []}, "export is missing; choose from float32"),
        ({"export": "int8", "stages": {"prune": {}}}, "stages: wanted a list"),
        ({"export": "int8", "stages": [{"prune": {}, "qat": {}}]}, "stages[0]: wanted one stage"),
        ({"export": "int8", "stages": [{"prune": [1]}]}, "stages[0].prune: wanted settings as key: value"),
        ({"export": "int8", "name": 3}, "name: wanted text"),
        ([], "wanted the keys name, for, images, instead, augment, stages, export"),
        (None, "found nothing"),
    ],
)
def test_wrong_recipes_are_refused(document: Any, says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse(document, "x.yaml", "x")
    assert says in str(caught.value)


def test_files_are_read_strictly(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("export: int8\nstages:\n  - qat: {rate: 1e-3}\n")
    assert load_recipe(str(path)).stages[0][1].rate == 1e-3  # type: ignore[attr-defined]
    assert load_recipe(str(path)).name == "mine"
    for text, says in (("a: [", "not YAML"), ("export: int8\nexport: float32\n", "'export' is written twice")):
        path.write_text(text)
        with pytest.raises(RecipeError, match=says):
            load_recipe(str(path))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match=r"mine\.yaml"):
        load_recipe(str(path))


def test_yaml_runs_no_code(tmp_path: Path) -> None:
    path = tmp_path / "evil.yaml"
    path.write_text(f"export: !!python/object/apply:pathlib.Path.touch [{tmp_path / 'ran'}]\n")
    with pytest.raises(RecipeError):
        load_recipe(str(path))
    assert not (tmp_path / "ran").exists()


def test_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(RecipeError, match="nearest: prune80_int8"):
        find("prune80_int")


def test_reading_recipes_imports_no_tensorflow() -> None:
    read = "import sys, edgedigits.pipeline.recipe as r; [*map(r.load_recipe, r.list_shipped())]"
    code = f"{read}; print('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


BOMB = "a: &b0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"b{at}: &b{at} [{', '.join([f'*b{at - 1}'] * 10)}]\n" for at in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "more than 20,000 values, aliases counted as what they stand for"),
        ("".join(f"k{at}: 1\n" for at in range(20_000)), "more than 20,000 values"),
        ("".join(f"k{at}: 1\n" for at in range(5_000)), "unknown key 'k0'"),
        ("export: int8\n" * 9_000, "line 2: .*'export' is written twice"),
        ("export: " + "[" * 1000, "nested deeper than 32 levels"),
        ("export: int8\nstages: &a [*a]", "line 2: .*an alias inside of what it stands for"),
        ("export: int8\nname: !!int x", "line 2: .*'x' is no int"),
        ("export: !!bool x", "'x' is no bool"),
        ("export: !!binary '*'", "no kind of value"),
        ("export: !!map [1]", "no kind of value"),
        ('export: int8\nname: "\\U00110000"', "not YAML: "),
        ('export: int8\nname: "\\ud800"', "line 2: .*holds control characters"),
        ('export: int8\nfor: "\\e[31mred"', "holds control characters"),
        ('export: int8\nfor: "\\u202edlog"', "turn the direction of writing"),
        ("export: 0x" + "f" * 9_000, "too large for a whole number"),
        ("export: " + "1" * 9_000, "is no int"),
        ("export: {int8: {calibration_images: .inf}}", "wanted a finite number"),
        ("? [a]\n: b", "a list or a mapping is no key"),
        ("export: int8\n<<: 3", "line 2: .*expected a mapping"),
        ("export:\n\t- int8", "line 2 not YAML: .*cannot start any token"),
        ("a" * 2**21, "larger than 1024 KiB"),
        ("export: " + "x" * 2**19, "unknown export 'x*\\.\\.\\.x*'; choose from"),
        ("export: 2024-13-45", "unknown export '2024-13-45'"),
    ],
)
def test_what_yaml_can_hold_and_no_recipe_needs_is_refused_in_a_moment(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    began = time.process_time()
    with pytest.raises(RecipeError, match=says) as caught:
        load_recipe(str(path))
    assert time.process_time() - began < 5
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "name",
    ["../../x", "/etc/x", "a/b", "a\\b", ".hidden", "-rf", "", " ", "x" * 101, "é" * 51, "a\tb", "a.", "a:b", "👍"],
)
def test_a_name_that_is_no_name_of_a_folder_is_refused(name: str) -> None:
    with pytest.raises(RecipeError, match=r"x\.yaml: name: found .*; wanted letters, digits"):
        parse({"name": name, "export": "int8"}, "x.yaml", "x")


@pytest.mark.parametrize("name", ["a", "prune80_int8", "Größe 2.1", "手書き", "x" * 100, "a+b"])
def test_a_name_in_any_script_is_taken(name: str) -> None:
    assert parse({"name": name, "export": "int8"}, "x.yaml", "x").name == name


def test_a_recipe_without_a_name_is_called_after_its_file_as_far_as_that_is_one(tmp_path: Path) -> None:
    for stem, name in (
        ("mine", "mine"),
        ("a:b\u202ec", "a_b_c"),
        ("-x", "xx"),
        ("y" * 200, "y" * 100),
        ("é" * 90, "é" * 50),
    ):
        (tmp_path / f"{stem}.yaml").write_text("export: int8")
        assert load_recipe(str(tmp_path / f"{stem}.yaml")).name == name


def test_a_path_that_no_file_can_have_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="File name too long"):
        load_recipe(str(tmp_path / ("x" * 300 + ".yaml")))
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(RecipeError, match="no such file"):
        load_recipe(str(tmp_path / "pipe.yaml"))
