"""Recipes: the shipped ones are right, wrong ones are refused with place, what was found, and what would do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgedigits.errors import RecipeError
from edgedigits.recipe import find, load_recipe, parse, shipped

SHIPPED = {
    "float32", "float16", "dynamic_int8", "ptq_int8", "int16x8", "qat_int8", "prune50", "prune80", "prune80_ptq_int8",
    "prune80_int8", "prune80_cluster16_int8", "distil_nano_int8", "shrink50_int8", "shrink80_int8",
    "shrink80_prune50_int8", "distil_small_int8", "smallest994", "fastest994", "accurate_int8", "mobile_shrink_int8",
}  # fmt: skip


def test_the_promised_recipes_are_shipped_and_say_what_they_are_for() -> None:
    assert set(shipped()) == SHIPPED
    for name in shipped():
        recipe = load_recipe(name)
        assert recipe.name == name
        assert recipe.purpose


def test_the_main_recipe_prunes_then_trains_the_rounding_then_exports_int8() -> None:
    recipe = load_recipe("prune80_int8")
    assert [name for name, _ in recipe.stages] == ["prune", "qat"]
    assert recipe.export_name == "int8"
    assert recipe.as_dict()["stages"][0]["prune"]["sparsity"] == 0.8


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
        (prune(layers={"conv*": 2}), "stages[0].prune.layers.conv*: found 2"),
        (prune(skip_layers="conv"), "stages[0].prune.skip_layers: found 'conv'; input should be a valid list"),
        (prune(schedule="linear"), "input should be 'polynomial' or 'constant'"),
        (
            {"export": "int8", "stages": ["finetune", {"distil": {"teacher": ["recipe", "stage 2"]}}]},
            "x.yaml: stages[1].distil.teacher: stage 2 does not come before this stage; what does: stage 1",
        ),
        (shrink(), "x.yaml: stages[0].shrink: wanted exactly one target of remove_parameters, remove_multiply_adds, "),
        (shrink(), "latency_us, instructions; found none"),
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
        ([], "wanted the keys name, for, stages, export"),
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
    code = "import sys, edgedigits.recipe as r; [r.load_recipe(n) for n in r.shipped()]; print('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
