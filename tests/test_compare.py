"""`compare`: what changes between two models, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from edgedigits_runner.kept import sealed

import edgedigits as ed
from edgedigits.measure.rounds_apart import draw_few, join_rounds, reverse
from tests import tiny_release
from tests.tiny_artifact import GOLDEN
from tests.warm import shell_function

WORKFLOW = Path(__file__).parents[1] / "docs" / "ci-workflow.yml"
QUICK: dict[str, Any] = {"windows": 1, "window": 0.05, "progress": False}


@pytest.fixture
def old(shapes: Path, tmp_path: Path) -> Path:
    """An artifact to play with."""
    folder = tmp_path / "old"
    shutil.copytree(tiny_release.made(shapes), folder)
    return folder


def altered(folder: Path, **data: Any) -> Path:
    """Its manifest says otherwise of its data, and is whole."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["data"] |= data
    (folder / "manifest.json").write_text(json.dumps(sealed(manifest)))
    return folder


def test_float_and_int8_are_told_apart(old: Path) -> None:
    found = ed.compare(old / "float.tflite", old, gates=["max_bytes=0.9x", "max_flips=90"], **QUICK)
    told = found.as_json()
    assert (told["kind"], told["images"], told["same_bytes"]) == ("compare", 90, False)
    assert told["old"]["raw_bytes"] == (old / "float.tflite").stat().st_size
    assert set(told["new"]["cycles"]) == {"cortex-a53", "cortex-a72", "cortex-a76"}
    change = told["accuracy_change"]
    assert change["low"] <= change["value"] <= change["high"]
    assert [one["gate"] for one in told["gates"]] == ["max_bytes", "max_flips"]
    assert "of old's" in told["gates"][0]["sentence"]
    assert "float, " not in str(found)
    assert list(found.to_frame("classes")["class"]) == ["0", "1", "2"]
    assert re.search(r"of 90 images change their answer", str(found))


def test_a_worse_model_misses(old: Path, shapes: Path, tmp_path: Path) -> None:
    """The other form answers at random: the bytes of a net that never saw these images."""
    import keras

    keras.utils.set_random_seed(5)
    layers = [keras.layers.Input((12, 12, 1)), keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
    net = keras.Sequential(layers, name="bad")
    converter = __import__("tensorflow").lite.TFLiteConverter.from_keras_model(net)
    (tmp_path / "bad.tflite").write_bytes(converter.convert())
    found = ed.compare(old, tmp_path / "bad.tflite", pixel_range="0..1", gates={"max_accuracy_drop_points": 5}, **QUICK)
    assert found.missed_gates == ("max_accuracy_drop_points",)
    with pytest.raises(ed.GateError, match="1 of 1 gate missed"):
        found.check_gates()


def test_models_of_other_images_classes_or_data_are_refused(old: Path, shapes: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    shutil.copytree(old, new)
    with pytest.raises(
        ed.InputError, match=r"takes images of .*, .*old of 12x12x1; give two models of the same images"
    ):
        ed.compare(old, GOLDEN / "int8.tflite", **QUICK)
    with pytest.raises(ed.InputError, match=r"new: calls class 1 '2', .*old calls it '1'"):
        ed.compare(old, altered(new, classes=["0", "2", "1"]), **QUICK)
    with pytest.raises(ed.InputError, match="were made on other data"):
        ed.compare(old, altered(new, classes=["0", "1", "2"], fingerprint="0" * 64), **QUICK)
    assert ed.compare(old, new, str(shapes), **QUICK).as_json()["images"] == 90
    with pytest.raises(ed.InputError, match="both are artifacts, which say themselves"):
        ed.compare(old, old, pixel_range="0..1", **QUICK)
    with pytest.raises(ed.InputError, match="no such file"):
        ed.compare(tmp_path / "none", old, **QUICK)
    (new / "model.tflite").write_bytes((new / "model.tflite").read_bytes()[:-4] + b"hand")
    with pytest.raises(ed.ArtifactError, match="missing or altered since it was written"):
        ed.compare(old, new, **QUICK)


def test_rounds_of_processes_of_their_own_are_one_result() -> None:
    assert [reverse("ab", at) for at in range(3)] == [["a", "b"], ["b", "a"], ["a", "b"]]

    def result(*names: str) -> dict[str, Any]:
        models = [{"name": name, "windows": [name + "1"]} for name in names]
        return {"models": list(names), "latency": [{"threads": 1, "models": models}]}

    found = join_rounds([result("a", "b"), result("b", "a"), result("a", "b")])
    assert found["models"] == ["a", "b"]
    assert [one["windows"] for one in found["latency"][0]["models"]] == [["a1"] * 3, ["b1"] * 3]


def test_few_images_come_from_all_over(old: Path, tmp_path: Path) -> None:
    (tmp_path / "few.npz").write_bytes(draw_few(old / "eval.npz"))
    with np.load(tmp_path / "few.npz") as few, np.load(old / "eval.npz") as all_of_them:
        assert len(few["labels"]) == 16
        assert (few["images"][0] == all_of_them["images"][0]).all()
        assert (few["images"][-1] == all_of_them["images"][-1]).all()


def steps() -> list[str]:
    """What the workflow runs."""
    (job,) = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"].values()
    return [step["run"] for step in job["steps"] if "run" in step]


def test_the_workflow_runs_as_it_is_written(shapes: Path, tmp_path: Path) -> None:
    """All but the installation, in a repository with a model, its images, a recipe and a released artifact; then with a recipe
    whose gate the model misses."""
    (tmp_path / "models").mkdir()
    shutil.copy(tiny_release.made(shapes).parent / "tiny.keras", tmp_path / "models" / "mine.keras")
    with np.load(shapes) as file:
        for number, (image, label) in enumerate(zip(file["x_train"], file["y_train"], strict=True)):
            (tmp_path / "photos" / str(label)).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / "photos" / str(label) / f"{number}.png"), image)
    recipe = tmp_path / "gated.yaml"
    recipe.write_text("export: int8\ngates: {max_bytes: 1x, max_accuracy_drop_points: 50}\n")
    install, check, compress, compare = steps()
    assert install.startswith("pip install ")
    assert [ran(one, tmp_path) for one in (check, compress)] == [0, 0]
    shutil.copytree(next((tmp_path / "out").iterdir()), tmp_path / "released")
    assert ran(f"{compare} --windows 1 --window 0.05", tmp_path) == 0
    recipe.write_text("export: int8\ngates: {max_bytes: 1 KiB}\n")
    assert [ran(one, tmp_path) for one in (check, compress)] == [0, 1]


def ran(command: str, folder: Path) -> int:
    """The exit code of a shell's."""
    words = ["sh", "-c", f"{shell_function()}\n{command}"]
    return subprocess.run(words, cwd=folder, capture_output=True, check=False).returncode
